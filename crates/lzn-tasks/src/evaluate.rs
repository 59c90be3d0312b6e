//! Measuring a model on data, and drawing what it has learned.

use lzn_data::Dataset;
use lzn_eval::{Confusion, Metric};
use lzn_random::{Purpose, Stream};
use lzn_torch::zones::{self, Zones};
use tch::{Kind, Tensor};

use crate::TaskError;
use crate::data::read;
use crate::model::Lzn;

/// How classification is measured.
#[derive(Debug, Clone, Copy)]
pub struct ClassifyOptions {
    /// The first so many images of the data set; more than there are means all.
    pub images: usize,
    /// Images that share one zoning. The larger, the better (paper, Figure 25).
    pub batch_size: usize,
    /// Scale alpha of the latent noise; 0 is the centre of the zone.
    pub noise_scale: f64,
    /// Seed of the latent noise.
    pub seed: u64,
}

/// Classifies the first images of a data set: image encoder, latents among the images of a batch, reverse flow over the label
/// anchors, nearest one (paper, Section 2.3).
///
/// # Errors
/// [`TaskError`] if the model cannot classify or an image cannot be read.
pub fn classify(model: &Lzn, data: &dyn Dataset, options: ClassifyOptions) -> Result<Confusion, TaskError> {
    let count = options.images.min(data.len());
    let order = order(data);
    let mut confusion = Confusion::new(model.classes)?;
    for (number, indices) in order[..count].chunks(options.batch_size).enumerate() {
        let (images, labels) = read(data, indices, model.device())?;
        let anchors = model.anchors(&images, 100)?;
        let noise = noise(model, indices.len(), options.seed, number as u64) * options.noise_scale;
        let decided = model.labels_of_latents(&model.latents_of_anchors(&anchors, &noise)?)?;
        let decided = Vec::<i64>::try_from(decided.to_device(tch::Device::Cpu))?;
        confusion.update((&decided, &labels))?;
    }
    Ok(confusion)
}

/// The share of latents that the model's own solver puts into the zones of their own images, for one batch of a data set and
/// noise of full scale: 1 for exact zones.
///
/// # Errors
/// [`TaskError`] without an image encoder, or if an image cannot be read.
pub fn zone_hit_rate(model: &Lzn, data: &dyn Dataset, options: ClassifyOptions) -> Result<f64, TaskError> {
    let count = options.images.min(options.batch_size).min(data.len());
    let (images, _) = read(data, &order(data)[..count], model.device())?;
    let anchors = model.anchors(&images, 100)?;
    let latents = model.latents_of_anchors(&anchors, &noise(model, count, options.seed, 0))?;
    let owners = Tensor::arange(count as i64, (Kind::Int64, model.device()));
    Ok(zones::hit_rate(&latents, &Zones { anchors: &anchors, weights: None }, &owners)?)
}

/// Data sets come sorted by class; a batch of one class would not look like those of training.
fn order(data: &dyn Dataset) -> Vec<usize> {
    let mut order: Vec<usize> = (0..data.len()).collect();
    Stream::new(0, Purpose::new("evaluation-order"), [0; 3]).shuffle(&mut order);
    order
}

/// Standard normal draws `[count, d]` for batch `number`.
fn noise(model: &Lzn, count: usize, seed: u64, number: u64) -> Tensor {
    let mut stream = Stream::new(seed, Purpose::new("evaluation-noise"), [number, 0, 0]);
    let noise = Tensor::from_slice(&stream.normals(count * model.latent_dim));
    noise.view([count as i64, -1]).to_device(model.device())
}
