//! Tensors of libtorch, with its own gradients.

use anyhow::Result;
use lzn_torch::zones::{self, Assignment, Zones, alignment};
use ndarray::{Array2, Array3};
use tch::{Device, Kind, Tensor};

use super::{Alignment, Backend, Latents, Objective, Zoning};
use crate::Tolerance;

/// libtorch on the CPU in this kind.
#[derive(Debug)]
pub(super) struct Torch(pub(super) Kind);

impl Torch {
    fn tensor(&self, values: &Array2<f64>) -> Tensor {
        let size = [values.nrows() as i64, values.ncols() as i64];
        Tensor::from_slice(&values.iter().copied().collect::<Vec<_>>()).reshape(size).to_kind(self.0)
    }

    fn leaf(&self, values: &Array2<f64>) -> Tensor {
        self.tensor(values).set_requires_grad(true)
    }

    fn weights(&self, zoning: &Zoning) -> Option<Tensor> {
        zoning.weights.as_ref().map(|weights| Tensor::from_slice(&weights.to_vec()).to_kind(self.0))
    }
}

fn indices(owners: &[usize]) -> Tensor {
    Tensor::from_slice(&owners.iter().map(|i| *i as i64).collect::<Vec<_>>())
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(Vec::try_from(tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double).contiguous().view(-1))?)
}

fn matrix(tensor: &Tensor) -> Result<Array2<f64>> {
    let (rows, columns) = tensor.size2()?;
    Ok(Array2::from_shape_vec((rows as usize, columns as usize), values(tensor)?)?)
}

impl Backend for Torch {
    fn name(&self) -> &'static str {
        if self.0 == Kind::Double { "torch-f64" } else { "torch-f32" }
    }

    fn tolerance(&self) -> Tolerance {
        if self.0 == Kind::Double { Tolerance::DOUBLE } else { Tolerance::SINGLE }
    }

    fn to_latents(
        &self,
        zoning: &Zoning,
        owners: &[usize],
        noise: &Array2<f64>,
        cotangent: &Array2<f64>,
    ) -> Result<Latents> {
        let anchors = self.leaf(&zoning.anchors);
        let weights = self.weights(zoning);
        let zones = Zones { anchors: &anchors, weights: weights.as_ref() };
        let latents = zones::to_latents(&zoning.flow, &zones, &indices(owners), &self.tensor(noise))?;
        (&latents * self.tensor(cotangent)).sum(self.0).backward();
        Ok(Latents { latents: matrix(&latents)?, grad_anchors: matrix(&anchors.grad())? })
    }

    fn to_anchors(
        &self,
        zoning: &Zoning,
        latents: &Array2<f64>,
        owners: &[usize],
        objective: Objective<'_>,
    ) -> Result<Alignment> {
        let (anchors, latents) = (self.leaf(&zoning.anchors), self.leaf(latents));
        let weights = self.weights(zoning);
        let zones = Zones { anchors: &anchors, weights: weights.as_ref() };
        let Assignment { end_points, own_log_probs } =
            zones::to_anchors(&zoning.flow, &latents, &zones, &indices(owners))?;
        let value = match objective {
            Objective::Probability(cut_off) => alignment::probability_loss(&own_log_probs, cut_off),
            Objective::Log(cut_off) => alignment::log_loss(&own_log_probs, cut_off),
            Objective::EndPoints(cotangent) => (&end_points * self.tensor(cotangent)).sum(self.0),
        };
        value.backward();
        Ok(Alignment {
            end_points: matrix(&end_points)?,
            own_log_probs: matrix(&own_log_probs)?,
            value: value.double_value(&[]),
            grad_latents: matrix(&latents.grad())?,
            grad_anchors: matrix(&anchors.grad())?,
        })
    }

    fn all_log_probs(&self, zoning: &Zoning, latents: &Array2<f64>) -> Result<Array3<f64>> {
        let (anchors, weights) = (self.tensor(&zoning.anchors), self.weights(zoning));
        let zones = Zones { anchors: &anchors, weights: weights.as_ref() };
        let (_, log_probs) = zones::all_log_probs(&zoning.flow, &self.tensor(latents), &zones)?;
        let (steps, batch, anchors) = log_probs.size3()?;
        Ok(Array3::from_shape_vec((steps as usize, batch as usize, anchors as usize), values(&log_probs)?)?)
    }

    fn nearest(&self, zoning: &Zoning, end_points: &Array2<f64>) -> Result<Vec<i64>> {
        let nearest = zones::nearest(&self.tensor(end_points), &self.tensor(&zoning.anchors));
        Ok(Vec::try_from(nearest)?)
    }

    fn losses(&self, own_log_probs: &Array2<f64>, cut_off: f64) -> Result<[f64; 3]> {
        let own_log_probs = self.tensor(own_log_probs);
        Ok([
            alignment::probability_loss(&own_log_probs, cut_off).double_value(&[]),
            alignment::log_loss(&own_log_probs, cut_off).double_value(&[]),
            alignment::final_accuracy(&own_log_probs).double_value(&[]),
        ])
    }
}
