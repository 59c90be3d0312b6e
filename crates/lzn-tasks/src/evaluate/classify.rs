//! Accuracy of classification, and how well zones keep to their owners.

use lzn_data::Dataset;
use lzn_eval::{Confusion, Metric};
use lzn_random::{Purpose, Stream};
use lzn_torch::zones::{self, Zones};
use tch::{Device, Kind, Tensor};

use super::Progress;
use crate::TaskError;
use crate::config::Decision;
use crate::data::read;
use crate::model::Lzn;

/// Images that are read and encoded together.
const CHUNK: usize = 500;

/// How classification is measured.
#[derive(Debug, Clone, Copy)]
pub struct ClassifyOptions {
    /// The first so many images of the data set; more than there are means all.
    pub images: usize,
    /// Images that share one zoning. The larger, the better (paper, Figure 25).
    pub batch_size: usize,
    /// Scale alpha of the latent noise; 0 is the centre of the zone.
    pub noise_scale: f64,
    /// Whether a label's zone weighs as much as the label's share of the batch, as in training. The labels of the batch are then
    /// known to the measurement, though not which image has which.
    pub class_weights: bool,
    /// Seed of the latent noise.
    pub seed: u64,
}

/// Anchors of images, with what the images really are.
#[derive(Debug)]
pub struct Encoded {
    /// Anchors `[N, d]`.
    pub anchors: Tensor,
    /// True labels, `N` of them.
    pub labels: Vec<i64>,
}

impl Encoded {
    /// Encodes the first `images` of a data set, in the order of evaluation, which mixes classes.
    ///
    /// # Errors
    /// [`TaskError`] without an image encoder, or if an image cannot be read.
    pub fn of(model: &Lzn, data: &dyn Dataset, images: usize, progress: &dyn Progress) -> Result<Self, TaskError> {
        let order = order(data);
        let order = &order[..images.min(data.len())];
        progress.begin("encoding images", order.len());
        let (mut parts, mut labels) = (Vec::new(), Vec::new());
        for indices in order.chunks(CHUNK) {
            let (images, of_images) = read(data, indices, model.device())?;
            parts.push(model.anchors(&images, 100)?);
            labels.extend(of_images);
            progress.advance(indices.len());
        }
        let none = || Tensor::zeros([0, model.latent_dim as i64], (Kind::Float, model.device()));
        let anchors = if parts.is_empty() { none() } else { Tensor::cat(&parts, 0) };
        Ok(Self { anchors, labels })
    }

    /// Classifies: latents among the anchors of a batch, reverse flow over the label anchors, nearest one (paper, Section 2.3).
    ///
    /// # Errors
    /// [`TaskError`] if the model cannot classify, or there are no labels.
    pub fn classify(&self, model: &Lzn, options: ClassifyOptions) -> Result<Confusion, TaskError> {
        let mut confusion = Confusion::new(model.classes)?;
        let count = self.labels.len().min(options.images);
        for (number, start) in (0..count).step_by(options.batch_size.max(1)).enumerate() {
            let rows = options.batch_size.min(count - start);
            let anchors = self.anchors.narrow(0, start as i64, rows as i64);
            let labels = &self.labels[start..start + rows];
            let decided = tch::no_grad(|| decide(model, &anchors, labels, number as u64, options))?;
            confusion.update((&Vec::<i64>::try_from(decided.to_device(Device::Cpu))?, labels))?;
        }
        Ok(confusion)
    }

    /// The share of latents that the model's own solver puts into the zones of their own images, among the first `batch_size` and
    /// for noise of full scale: 1 for exact zones.
    ///
    /// # Errors
    /// [`TaskError`] if libtorch refuses an operation.
    pub fn zone_hit_rate(&self, model: &Lzn, batch_size: usize, seed: u64) -> Result<f64, TaskError> {
        let count = (batch_size as i64).min(self.anchors.size()[0]);
        let anchors = self.anchors.narrow(0, 0, count);
        let latents = tch::no_grad(|| model.latents_of_anchors(&anchors, &noise(model, count as usize, seed, 0)))?;
        let owners = Tensor::arange(count, (Kind::Int64, model.device()));
        Ok(zones::hit_rate(&latents, &Zones { anchors: &anchors, weights: None }, &owners)?)
    }
}

/// Classifies the first images of a data set.
///
/// # Errors
/// As [`Encoded::of`] and [`Encoded::classify`].
pub fn classify(model: &Lzn, data: &dyn Dataset, options: ClassifyOptions) -> Result<Confusion, TaskError> {
    Encoded::of(model, data, options.images, &super::Silent)?.classify(model, options)
}

fn decide(
    model: &Lzn,
    anchors: &Tensor,
    labels: &[i64],
    number: u64,
    options: ClassifyOptions,
) -> Result<Tensor, TaskError> {
    if model.decision == Decision::Linear {
        return Ok(model.label_scores(anchors)?.argmax(1, false));
    }
    let noise = noise(model, labels.len(), options.seed, number) * options.noise_scale;
    let latents = model.latents_of_anchors(anchors, &noise)?;
    if !options.class_weights {
        return model.labels_of_latents(&latents);
    }
    let counts = Tensor::from_slice(labels).bincount(None::<&Tensor>, model.classes as i64).to_kind(Kind::Float);
    let weights = (counts / labels.len() as f64).to_device(model.device());
    let zones = Zones { anchors: &model.label_anchors()?, weights: Some(&weights) };
    Ok(zones::decide(&model.label_flow, &latents, &zones)?)
}

/// Data sets come sorted by class; a batch of one class would not look like those of training.
pub(super) fn order(data: &dyn Dataset) -> Vec<usize> {
    let mut order: Vec<usize> = (0..data.len()).collect();
    Stream::new(0, Purpose::new("evaluation-order"), [0; 3]).shuffle(&mut order);
    order
}

/// Standard normal draws `[count, d]` for batch `number`.
pub(super) fn noise(model: &Lzn, count: usize, seed: u64, number: u64) -> Tensor {
    let mut stream = Stream::new(seed, Purpose::new("evaluation-noise"), [number, 0, 0]);
    let noise = Tensor::from_slice(&stream.normals(count * model.latent_dim));
    noise.view([count as i64, -1]).to_device(model.device())
}
