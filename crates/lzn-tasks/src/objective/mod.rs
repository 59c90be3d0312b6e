//! What one training step adds to the loss.
//!
//! An objective is given the model, the batch and every random draw of the step, and returns a scalar. It knows nothing of the
//! loop, of optimizers or of the other objectives; what several of them need, such as the latents of the images, the
//! [`StepContext`] computes once.

mod align;
mod align_views;
#[cfg(test)]
mod align_views_tests;
mod classify;
mod moco;
mod rectified_flow;
#[cfg(test)]
mod rivals_tests;
mod simclr;

use std::cell::OnceCell;

use lzn_random::{Purpose, Stream};
use lzn_torch::zones::{self, Zones};
use tch::{Device, Kind, Tensor};

pub use align::AlignImageToLabel;
pub use align_views::AlignViews;
pub use classify::ClassifyImages;
pub use moco::{MoCo, MoCoOptions};
pub use rectified_flow::ImageRectifiedFlow;
pub use simclr::SimClr;

use crate::TaskError;
use crate::config::{ObjectiveConfig, ObjectiveKind, RunConfig, TypeName};
use crate::model::{Lzn, NO_ENCODER, encoder_part};

/// A term of the training loss.
pub trait Objective {
    /// The name under which its loss is recorded.
    fn name(&self) -> String;

    /// The loss of one batch.
    ///
    /// # Errors
    /// [`TaskError`] if the model lacks a part or libtorch refuses an operation.
    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError>;

    /// Called when the parameters have moved by the loss of this step; not after a step that was skipped.
    ///
    /// # Errors
    /// [`TaskError`] if the model lacks a part.
    fn after_step(&mut self, model: &Lzn) -> Result<(), TaskError> {
        let _ = model;
        Ok(())
    }

    /// Whatever of its own the next step depends on, by name: checkpoints keep it and write into these very tensors when a run goes on,
    /// so they share storage with the objective's own. Most objectives have none.
    fn state(&self) -> Vec<(String, Tensor)> {
        Vec::new()
    }
}

/// A loss, and what is worth recording beside it.
#[derive(Debug)]
pub struct Loss {
    /// Scalar with a gradient.
    pub value: Tensor,
    /// Further named values, for the record only.
    pub observed: Vec<(String, f64)>,
}

/// Every random number that a step consumes.
#[derive(Debug)]
pub struct Draws {
    /// Standard normal `[B, d]`: the noise that becomes latents.
    pub latent_noise: Tensor,
    /// Standard normal `[B, C, H, W]`: the noise end of Rectified Flow.
    pub flow_noise: Tensor,
    /// Times of Rectified Flow, uniform `[B]` in `[1e-3, 1)`.
    pub flow_time: Tensor,
}

impl Draws {
    /// The draws of one step, a function of `(seed, step)` alone.
    pub fn of_step(seed: u64, step: u64, latent_dim: usize, images: &[i64], device: Device) -> Self {
        let stream = |purpose| Stream::new(seed, purpose, [step, 0, 0]);
        let normal = |purpose, shape: &[i64]| {
            let n = shape.iter().product::<i64>() as usize;
            Tensor::from_slice(&stream(purpose).normals(n)).view(shape).to_device(device)
        };
        let batch = images[0];
        let times = stream(Purpose::FLOW_TIME).uniforms(batch as usize, lzn_flow::RectifiedFlow::default().t_min, 1.0);
        Self {
            latent_noise: normal(Purpose::LATENT_NOISE, &[batch, latent_dim as i64]),
            flow_noise: normal(Purpose::FLOW_NOISE, images),
            flow_time: Tensor::from_slice(&times).to_device(device),
        }
    }
}

/// One batch with its draws, and what objectives share.
#[derive(Debug)]
pub struct StepContext {
    /// `[B, C, H, W]` in [-1, 1].
    pub images: Tensor,
    /// The same images under other random transforms, `[B, C, H, W]` in [-1, 1]; only if an objective compares views.
    pub second_view: Option<Tensor>,
    /// `[B]` int64.
    pub labels: Tensor,
    /// Every random number of the step.
    pub draws: Draws,
    anchors: OnceCell<Tensor>,
    second_anchors: OnceCell<Tensor>,
    latents: OnceCell<Tensor>,
}

impl StepContext {
    /// A batch and its draws.
    pub fn new(images: Tensor, labels: Tensor, draws: Draws) -> Self {
        let (anchors, second_anchors, latents) = Default::default();
        Self { images, second_view: None, labels, draws, anchors, second_anchors, latents }
    }

    /// Adds a second view of the images.
    #[must_use]
    pub fn with_second_view(self, second_view: Option<Tensor>) -> Self {
        Self { second_view, ..self }
    }

    /// Anchors of the images `[B, d]`, computed once.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] without an image encoder.
    pub fn image_anchors(&self, model: &Lzn) -> Result<&Tensor, TaskError> {
        if let Some(anchors) = self.anchors.get() {
            return Ok(anchors);
        }
        let anchors = model.image_anchors(&self.images, true)?;
        Ok(self.anchors.get_or_init(|| anchors))
    }

    /// Anchors of the second views `[B, d]`, computed once.
    ///
    /// # Errors
    /// [`TaskError::MissingView`] in a batch with one view, [`TaskError::MissingPart`] without an image encoder.
    pub fn second_anchors(&self, model: &Lzn) -> Result<&Tensor, TaskError> {
        if let Some(anchors) = self.second_anchors.get() {
            return Ok(anchors);
        }
        let images = self.second_view.as_ref().ok_or(TaskError::MissingView)?;
        let anchors = model.image_anchors(images, true)?;
        Ok(self.second_anchors.get_or_init(|| anchors))
    }

    /// Latents of the images `[B, d]`, computed once: the encoder's anchors cut the prior, and each image's noise flows into the
    /// zone of its own anchor (paper, Equation 1).
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] without an image encoder.
    pub fn image_latents(&self, model: &Lzn) -> Result<&Tensor, TaskError> {
        if let Some(latents) = self.latents.get() {
            return Ok(latents);
        }
        let latents = model.latents_of_anchors(self.image_anchors(model)?, &self.draws.latent_noise)?;
        Ok(self.latents.get_or_init(|| latents))
    }

    /// What is worth knowing about the zones of the images, if an objective has made them: `zones/hit_rate`, the share of latents in
    /// their own zone, and `zones/spread`, the root of the mean square distance of an anchor from their mean. The exact zones do
    /// not depend on the spread, but a solver with a fixed grid does.
    ///
    /// # Errors
    /// [`TaskError`] if libtorch refuses an operation.
    pub fn zones_observed(&self) -> Result<Vec<(String, f64)>, TaskError> {
        let (Some(anchors), Some(latents)) = (self.anchors.get(), self.latents.get()) else { return Ok(Vec::new()) };
        let anchors = anchors.detach();
        let owners = Tensor::arange(anchors.size()[0], (Kind::Int64, Device::Cpu));
        let rate = zones::hit_rate(latents, &Zones { anchors: &anchors, weights: None }, &owners)?;
        let apart = &anchors - anchors.mean_dim(0, true, Kind::Float);
        let square = apart.square().sum_dim_intlist(1, false, Kind::Double).mean(Kind::Double).double_value(&[]);
        Ok(vec![("zones/hit_rate".to_owned(), rate), ("zones/spread".to_owned(), square.sqrt())])
    }

    /// Share of every class in the batch, `[classes]`.
    pub fn class_weights(&self, classes: usize) -> Tensor {
        let counts = self.labels.bincount(None::<&Tensor>, classes as i64).to_kind(Kind::Float);
        &counts / self.labels.numel() as f64
    }
}

/// Rows of `[B, d]` with norm 1.
fn unit(rows: &Tensor) -> Tensor {
    // The floor is far below the norm of any anchor that is not zero throughout.
    rows / rows.norm_scalaropt_dim(2, [1i64].as_slice(), true).clamp_min(1e-12)
}

/// The objectives of a run with their weights, for its model.
///
/// # Errors
/// [`TaskError`] if the model lacks a part that an objective starts from.
pub fn build(run: &RunConfig, model: &Lzn) -> Result<Vec<(f64, Box<dyn Objective>)>, TaskError> {
    run.objectives.iter().map(|config| Ok((config.weight, build_one(config, run, model)?))).collect()
}

fn build_one(config: &ObjectiveConfig, run: &RunConfig, model: &Lzn) -> Result<Box<dyn Objective>, TaskError> {
    Ok(match config.kind {
        ObjectiveKind::RectifiedFlow => Box::new(ImageRectifiedFlow),
        ObjectiveKind::Classify => Box::new(ClassifyImages),
        ObjectiveKind::Align if config.to == Some(TypeName::View) => Box::new(AlignViews {
            noise_scale: config.noise_scale.unwrap_or(AlignViews::PUBLISHED_NOISE_SCALE),
            cut_off: config.cut_off,
            form: config.form,
        }),
        ObjectiveKind::Align => Box::new(AlignImageToLabel {
            cut_off: config.cut_off,
            form: config.form,
            class_weights: config.class_weights,
        }),
        ObjectiveKind::Simclr => {
            Box::new(SimClr { temperature: config.temperature.unwrap_or(SimClr::PUBLISHED_TEMPERATURE) })
        }
        ObjectiveKind::Moco => {
            let published = MoCoOptions::PUBLISHED;
            let options = MoCoOptions {
                temperature: config.temperature.unwrap_or(published.temperature),
                queue: config.queue.unwrap_or(published.queue),
                momentum: config.momentum.unwrap_or(published.momentum),
            };
            let keys = encoder_part(&run.model, &run.data, 0, model.device())?.ok_or(NO_ENCODER)?;
            Box::new(MoCo::new(options, keys, model, run.seed)?)
        }
    })
}
