//! ndarray on the host, with the hand-derived gradients of lzn-latent.

use std::marker::PhantomData;

use anyhow::Result;
use lzn_latent::{Anchors, Real, alignment, nearest};
use ndarray::{Array, Array2, Array3, Dimension};

use super::{Alignment, Backend, Latents, Objective, Zoning};
use crate::Tolerance;

/// The host in this precision.
#[derive(Debug, Default)]
pub(super) struct Host<F>(PhantomData<F>);

impl<F: Real> Host<F> {
    const DOUBLE: bool = size_of::<F>() == size_of::<f64>();
}

fn narrow<F: Real, D: Dimension>(array: &Array<f64, D>) -> Array<F, D> {
    array.mapv(F::of)
}

fn wide<F: Real, D: Dimension>(array: &Array<F, D>) -> Array<f64, D> {
    array.mapv(F::wide)
}

fn anchors<F: Real>(zoning: &Zoning) -> Result<Anchors<F>> {
    let anchors = Anchors::new(narrow(&zoning.anchors))?;
    Ok(match &zoning.weights {
        Some(weights) => anchors.with_weights(narrow(weights))?,
        None => anchors,
    })
}

impl<F: Real> Backend for Host<F> {
    fn name(&self) -> &'static str {
        if Self::DOUBLE { "host-f64" } else { "host-f32" }
    }

    fn tolerance(&self) -> Tolerance {
        if Self::DOUBLE { Tolerance::DOUBLE } else { Tolerance::SINGLE }
    }

    fn to_latents(
        &self,
        zoning: &Zoning,
        owners: &[usize],
        noise: &Array2<f64>,
        cotangent: &Array2<f64>,
    ) -> Result<Latents> {
        let anchors = anchors::<F>(zoning)?;
        let trace = zoning.flow.trace_latents(&anchors, owners, narrow(noise).view())?;
        let gradients = trace.vjp(narrow(cotangent).view())?;
        Ok(Latents { latents: wide(&trace.latents().to_owned()), grad_anchors: wide(&gradients.anchors) })
    }

    fn to_anchors(
        &self,
        zoning: &Zoning,
        latents: &Array2<f64>,
        owners: &[usize],
        objective: Objective<'_>,
    ) -> Result<Alignment> {
        let anchors = anchors::<F>(zoning)?;
        let trace = zoning.flow.trace_anchors(narrow(latents).view(), &anchors, owners)?;
        let end_points = wide(&trace.end_points().to_owned());
        let (value, gradients) = match objective {
            Objective::Probability(cut_off) => {
                let loss = alignment::probability_loss(trace.own_log_probs(), cut_off)?;
                (loss.value.wide(), trace.vjp(None, Some(loss.gradient.view()))?)
            }
            Objective::Log(cut_off) => {
                let loss = alignment::log_loss(trace.own_log_probs(), cut_off)?;
                (loss.value.wide(), trace.vjp(None, Some(loss.gradient.view()))?)
            }
            Objective::EndPoints(cotangent) => {
                ((&end_points * cotangent).sum(), trace.vjp(Some(narrow(cotangent).view()), None)?)
            }
        };
        Ok(Alignment {
            end_points,
            own_log_probs: wide(&trace.own_log_probs().to_owned()),
            value,
            grad_latents: wide(&gradients.latents),
            grad_anchors: wide(&gradients.anchors),
        })
    }

    fn all_log_probs(&self, zoning: &Zoning, latents: &Array2<f64>) -> Result<Array3<f64>> {
        Ok(wide(&zoning.flow.all_log_probs(narrow(latents).view(), &anchors::<F>(zoning)?)?))
    }

    fn nearest(&self, zoning: &Zoning, end_points: &Array2<f64>) -> Result<Vec<i64>> {
        let nearest = nearest(narrow(end_points).view(), &anchors::<F>(zoning)?)?;
        Ok(nearest.into_iter().map(|i| i as i64).collect())
    }

    fn losses(&self, own_log_probs: &Array2<f64>, cut_off: f64) -> Result<[f64; 3]> {
        let own_log_probs = narrow::<F, _>(own_log_probs);
        Ok([
            alignment::probability_loss(own_log_probs.view(), cut_off)?.value.wide(),
            alignment::log_loss(own_log_probs.view(), cut_off)?.value.wide(),
            alignment::final_accuracy(own_log_probs.view())?.wide(),
        ])
    }
}
