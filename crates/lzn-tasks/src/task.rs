//! Tasks as compositions: a source gives latents, a target is made of them.
//!
//! | command | source | target |
//! |---|---|---|
//! | `sample` | prior or labels | image |
//! | `classify` | images | label |
//! | `embed` | images | latent |
//! | `reconstruct` | images | image |

use lzn_flow::{Sampler, to_uint8};
use lzn_random::{Purpose, Stream};
use lzn_torch::zones::{self, Zones};
use tch::{Kind, Tensor};

use crate::TaskError;
use crate::config::Decision;
use crate::model::{Lzn, NO_ENCODER};

/// What a task starts from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// This many draws from the prior N(0, I).
    Prior(usize),
    /// Labels, one per sample.
    Labels(&'a [i64]),
    /// Images `[B, C, H, W]` in [-1, 1].
    Images(&'a Tensor),
    /// Latents `[B, d]`.
    Latents(&'a Tensor),
}

/// What a task makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Latents `[B, d]`.
    Latent,
    /// Images `[B, C, H, W]` uint8.
    Image,
    /// Labels `[B]` int64.
    Label,
}

/// How zones of images are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zoning {
    /// The images given together share the prior, as in training; results depend on the company.
    Batch,
    /// Each image is zoned alone against the anchor bank; results do not depend on the other images.
    Bank,
}

/// How a task is run.
#[derive(Debug, Clone)]
pub struct TaskOptions {
    /// Seed of all noise.
    pub seed: u64,
    /// Number of the first sample; sample `i` of a request draws the noise of index `first + i`.
    pub first: u64,
    /// Samples that go through the networks together. It changes speed and memory, not results.
    pub batch_size: usize,
    /// How velocity is integrated to images.
    pub sampler: Sampler,
    /// Scale alpha of the latent noise of images: 0 is the centre of their zone.
    pub noise_scale: f64,
    /// How zones of images are cut.
    pub zoning: Zoning,
}

impl Lzn {
    /// Runs a task.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] if the model lacks a part that the task needs; [`TaskError::Label`] for a label that is no class.
    pub fn run(&self, source: Source<'_>, target: Target, options: &TaskOptions) -> Result<Tensor, TaskError> {
        tch::no_grad(|| {
            let run = Run { model: self, options };
            match (source, target) {
                // Nothing is in between: the images' own start noise is kept, so only the latent's part of the loss shows.
                (Source::Images(images), Target::Image) => run.reconstruct(images),
                (Source::Images(images), Target::Label) if self.decision == Decision::Linear => {
                    Ok(self.label_scores(&self.anchors(images, options.batch_size)?)?.argmax(1, false))
                }
                (_, Target::Latent) => run.latents(source)?.ok_or(NO_ENCODER),
                (_, Target::Label) => run.labels(&run.latents(source)?.ok_or(NO_ENCODER)?),
                (_, Target::Image) => {
                    let latents = run.latents(source)?;
                    let labels = run.condition(source, latents.as_ref())?;
                    run.draw(run.count(source), latents.as_ref(), labels.as_ref())
                }
            }
        })
    }

    /// How the zone of each image is shared by the zones of the labels, `[B, classes]`: the part of `draws` latents from all over
    /// the image's zone that each label decides. An image that the model is sure of lies in one label's zone as a whole. Of a linear
    /// classifier, which has no zones, the softmax of its scores.
    ///
    /// # Errors
    /// As [`Lzn::run`].
    pub fn label_shares(&self, images: &Tensor, draws: usize, options: &TaskOptions) -> Result<Tensor, TaskError> {
        tch::no_grad(|| {
            let run = Run { model: self, options };
            let count = images.size()[0];
            let anchors = self.anchors(images, options.batch_size)?;
            if self.decision == Decision::Linear {
                return Ok(self.label_scores(&anchors)?.softmax(1, Kind::Float));
            }
            // The same draws for every image: what is said of one does not depend on its place among others.
            let noise = run.noise(Purpose::SAMPLE_LATENT, draws, &[self.latent_dim as i64]).repeat([count, 1]);
            let latents = run.zone(&anchors, &noise)?;
            let decided = self.labels_of_latents(&latents)?.one_hot(self.classes as i64).to_kind(Kind::Float);
            Ok(decided.view([count, draws as i64, -1]).mean_dim([1].as_slice(), false, Kind::Float))
        })
    }

    /// Anchors `[B, d]` of images `[B, C, H, W]` in [-1, 1], `batch_size` of them at a time and without gradients: the
    /// representation that needs no other images beside it.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] without an image encoder.
    pub fn anchors(&self, images: &Tensor, batch_size: usize) -> Result<Tensor, TaskError> {
        let count = images.size()[0];
        let size = batch_size.max(1) as i64;
        let part = |start: i64| {
            let images = images.narrow(0, start, size.min(count - start)).to_device(self.device());
            tch::no_grad(|| self.image_anchors(&images, false))
        };
        let parts = (0..count).step_by(size as usize).map(part).collect::<Result<Vec<_>, _>>()?;
        match parts.is_empty() {
            true => Ok(Tensor::zeros([0, self.latent_dim as i64], (Kind::Float, self.device()))),
            false => Ok(Tensor::cat(&parts, 0)),
        }
    }
}

struct Run<'a> {
    model: &'a Lzn,
    options: &'a TaskOptions,
}

impl Run<'_> {
    fn count(&self, source: Source<'_>) -> usize {
        match source {
            Source::Prior(n) => n,
            Source::Labels(labels) => labels.len(),
            Source::Images(rows) | Source::Latents(rows) => rows.size()[0] as usize,
        }
    }

    /// Latents of the source; none if the decoder takes none.
    fn latents(&self, source: Source<'_>) -> Result<Option<Tensor>, TaskError> {
        let noise = self.noise(Purpose::SAMPLE_LATENT, self.count(source), &[self.model.latent_dim as i64]);
        Ok(match source {
            _ if self.model.encoder.is_none() => None,
            Source::Prior(_) => Some(noise),
            Source::Labels(labels) => Some(self.model.latents_of_labels(&self.check_labels(labels)?, &noise)?),
            Source::Images(images) => {
                let anchors = self.model.anchors(images, self.options.batch_size)?;
                Some(self.zone(&anchors, &(noise * self.options.noise_scale))?)
            }
            Source::Latents(latents) => Some(latents.to_device(self.model.device())),
        })
    }

    /// Latents of image anchors `[B, d]`, as many for each as there are rows of noise `[B * r, d]` for it.
    fn zone(&self, anchors: &Tensor, noise: &Tensor) -> Result<Tensor, TaskError> {
        let count = anchors.size()[0];
        let each = noise.size()[0] / count.max(1);
        let bank = match (&self.model.bank, self.options.zoning) {
            (Some(bank), Zoning::Bank) => bank,
            _ => {
                let owners =
                    Tensor::arange(count, (Kind::Int64, anchors.device())).repeat_interleave_self_int(each, None, None);
                let zones = Zones { anchors, weights: None };
                return Ok(zones::to_latents(&self.model.image_flow, &zones, &owners, noise)?);
            }
        };
        let owners = Tensor::full([each], bank.size()[0], (Kind::Int64, bank.device()));
        let rows = (0..count).map(|i| {
            let all = Tensor::cat(&[bank, &anchors.narrow(0, i, 1)], 0);
            let zones = Zones { anchors: &all, weights: None };
            zones::to_latents(&self.model.image_flow, &zones, &owners, &noise.narrow(0, i * each, each))
        });
        Ok(Tensor::cat(&rows.collect::<Result<Vec<_>, _>>()?, 0))
    }

    fn labels(&self, latents: &Tensor) -> Result<Tensor, TaskError> {
        self.model.labels_of_latents(latents)
    }

    /// The labels that a label-conditional decoder is given: those of the source, or those to whose zones the latents belong.
    fn condition(&self, source: Source<'_>, latents: Option<&Tensor>) -> Result<Option<Tensor>, TaskError> {
        match (source, latents) {
            (Source::Labels(labels), _) => Ok(Some(self.check_labels(labels)?)),
            _ if !self.model.label_conditional => Ok(None),
            (_, Some(latents)) if self.model.labels.is_some() => Ok(Some(self.labels(latents)?)),
            _ => Err(TaskError::LabelsNeeded),
        }
    }

    fn check_labels(&self, labels: &[i64]) -> Result<Tensor, TaskError> {
        let classes = self.model.classes;
        match labels.iter().find(|label| !(0..classes as i64).contains(label)) {
            Some(&label) => Err(TaskError::Label { label, classes }),
            None => Ok(Tensor::from_slice(labels).to_device(self.model.device())),
        }
    }

    fn draw(&self, count: usize, latents: Option<&Tensor>, labels: Option<&Tensor>) -> Result<Tensor, TaskError> {
        let noise = self.noise(Purpose::SAMPLE_NOISE, count, &self.image_shape());
        self.chunks(count, |start, length| {
            let part = |rows: &Tensor| rows.narrow(0, start, length);
            let field = self.model.velocity_field(latents.map(part).as_ref(), labels.map(part).as_ref(), false)?;
            Ok(to_uint8(&self.options.sampler.sample(&field, &part(&noise))?.images))
        })
    }

    fn reconstruct(&self, images: &Tensor) -> Result<Tensor, TaskError> {
        let latents = self.latents(Source::Images(images))?;
        let labels = self.condition(Source::Images(images), latents.as_ref())?;
        let images = images.to_device(self.model.device());
        self.chunks(images.size()[0] as usize, |start, length| {
            let part = |rows: &Tensor| rows.narrow(0, start, length);
            let field = self.model.velocity_field(
                latents.as_ref().map(part).as_ref(),
                labels.as_ref().map(part).as_ref(),
                false,
            )?;
            let noise = self.options.sampler.invert(&field, &part(&images))?.images;
            Ok(to_uint8(&self.options.sampler.sample(&field, &noise)?.images))
        })
    }

    fn image_shape(&self) -> [i64; 3] {
        let (channels, size) = (self.model.image.channels as i64, self.model.image.size as i64);
        [channels, size, size]
    }

    /// Standard normal rows, each a function of the seed and its own number.
    fn noise(&self, purpose: Purpose, count: usize, shape: &[i64]) -> Tensor {
        let size = shape.iter().product::<i64>() as usize;
        let row = |i: u64| Stream::new(self.options.seed, purpose, [self.options.first + i, 0, 0]).normals(size);
        let values: Vec<f32> = (0..count as u64).flat_map(row).collect();
        let shape: Vec<i64> = std::iter::once(count as i64).chain(shape.iter().copied()).collect();
        Tensor::from_slice(&values).view(shape.as_slice()).to_device(self.model.device())
    }

    fn chunks(&self, count: usize, work: impl Fn(i64, i64) -> Result<Tensor, TaskError>) -> Result<Tensor, TaskError> {
        let size = self.options.batch_size.max(1);
        let starts = (0..count).step_by(size);
        let parts =
            starts.map(|start| work(start as i64, size.min(count - start) as i64)).collect::<Result<Vec<_>, _>>()?;
        if parts.is_empty() {
            let shape: Vec<i64> = std::iter::once(0).chain(self.image_shape()).collect();
            return Ok(Tensor::zeros(shape.as_slice(), (Kind::Uint8, self.model.device())));
        }
        Ok(Tensor::cat(&parts, 0))
    }
}
