//! Accuracy of classification, and how well zones keep to their owners.

use lzn_data::Dataset;
use lzn_eval::{Confusion, Metric};
use lzn_random::{Purpose, Stream};
use lzn_torch::TorchError;
use lzn_torch::dist::World;
use lzn_torch::zones::{self, Zones};
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::Progress;
use super::features::Seen;
use crate::TaskError;
use crate::config::Decision;
use crate::data::{matrix, read_bytes, to_tensor};
use crate::model::{IMAGE, Lzn};
use crate::run::{RunError, signals};
use crate::types::Placed;

/// Images that are read and encoded together.
const CHUNK: usize = 500;

/// Images that go through the encoder together.
const TOGETHER: i64 = 100;

/// How classification is measured.
#[derive(Debug, Clone, Copy)]
pub struct ClassifyOptions {
    /// The first so many images of the data set; more than there are means all.
    pub images: usize,
    /// Images that share one zoning. The larger, the better (paper, Figure 25).
    pub batch_size: usize,
    /// Scale alpha of the latent noise; 0 is the centre of the zone.
    pub noise_scale: f64,
    /// How much the zones of labels weigh.
    pub class_weights: ClassWeights,
    /// Seed of the latent noise.
    pub seed: u64,
}

/// How much the zones of labels weigh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All the same.
    Equal,
    /// As the model decides in use: by the label's share of the training data; all the same where labels are equally frequent there.
    #[default]
    Training,
    /// By the label's share of the batch, as in training. The labels of the batch are then known to the measurement, though not which
    /// image has which.
    Batch,
}

/// What the encoder makes of images, with what the images really are.
#[derive(Debug)]
pub struct Encoded {
    /// Features before the head, `[N, F]`.
    pub features: Tensor,
    /// Anchors `[N, d]`.
    pub anchors: Tensor,
    /// True labels, `N` of them.
    pub labels: Vec<i64>,
    /// SHA-256 of the images and labels, by which what is measured of them can be kept; empty where workers share them.
    pub(super) digest: String,
}

impl Encoded {
    /// Encodes the first `images` of a data set, in the order of evaluation, which mixes classes.
    ///
    /// # Errors
    /// [`TaskError`] without an image encoder, or if an image cannot be read.
    pub fn of(model: &Lzn, data: &dyn Dataset, images: usize, progress: &dyn Progress) -> Result<Self, TaskError> {
        let order = order(data);
        Self::of_indices(model, data, &order[..images.min(data.len())], progress)
    }

    /// The same by several workers, each of which encodes a part; all of them call it and get the whole.
    ///
    /// # Errors
    /// As [`Encoded::of`], and [`TaskError::Torch`] when the exchange fails.
    pub fn among(world: &World, model: &Lzn, data: &dyn Dataset, images: usize) -> Result<Self, TaskError> {
        let order = order(data);
        let order = &order[..images.min(data.len())];
        let (part, own) = own_part(world, order.len());
        if world.is_alone() || order.is_empty() {
            return Self::of_indices(model, data, order, &super::Silent);
        }
        // Who has none encodes one all the same, to know the shapes.
        let order_here = &order[own.start.min(order.len() - 1)..own.end];
        let encoded = unless_given_up(world, Self::of_indices(model, data, order_here, &super::Silent))?;
        let joined = |rows: &Tensor| joined(world, &rows.narrow(0, 0, own.len() as i64), part, order.len());
        Ok(Self {
            features: joined(&encoded.features)?,
            anchors: joined(&encoded.anchors)?,
            labels: Vec::try_from(joined(&Tensor::from_slice(&encoded.labels))?)?,
            digest: String::new(),
        })
    }

    fn of_indices(
        model: &Lzn,
        data: &dyn Dataset,
        order: &[usize],
        progress: &dyn Progress,
    ) -> Result<Self, TaskError> {
        progress.begin("encoding images", order.len());
        let (mut features, mut anchors, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = Seen::default();
        for indices in order.chunks(CHUNK) {
            let (images, of_images) = read_bytes(data, indices.iter().copied())?;
            seen.update(&images, &of_images);
            for images in to_tensor(&images, model.device()).split(TOGETHER, 0) {
                let represented = model.represent(&images.to_device(model.device()))?;
                features.push(represented.features);
                anchors.push(represented.anchors);
            }
            labels.extend(of_images);
            progress.advance(indices.len());
        }
        let none = || Tensor::zeros([0, model.space.dim as i64], (Kind::Float, model.device()));
        let all = |parts: &[Tensor]| if parts.is_empty() { none() } else { Tensor::cat(parts, 0) };
        Ok(Self { features: all(&features), anchors: all(&anchors), labels, digest: seen.digest() })
    }

    /// Classifies: latents among the anchors of a batch, reverse flow over the label anchors, nearest one (paper, Section 2.3).
    ///
    /// # Errors
    /// [`TaskError`] if the model cannot classify, or there are no labels.
    pub fn classify(&self, model: &Lzn, options: ClassifyOptions) -> Result<Confusion, TaskError> {
        let mut confusion = Confusion::new(model.classes())?;
        let count = self.labels.len().min(options.images);
        for (number, start) in (0..count).step_by(options.batch_size.max(1)).enumerate() {
            signals::check()?;
            let rows = options.batch_size.min(count - start);
            let anchors = self.anchors.narrow(0, start as i64, rows as i64);
            let labels = &self.labels[start..start + rows];
            let decided = tch::no_grad(|| decide(model, &anchors, labels, number as u64, options))?;
            confusion.update((&Vec::<i64>::try_from(decided.to_device(Device::Cpu))?, labels))?;
        }
        Ok(confusion)
    }

    /// Probabilities of the classes for the first images, `[n, classes]`. By zones: the shares of `draws` latents, drawn from an image's
    /// zone with the full noise, that lie in the zones of the labels: what is left of the image's zone there. Otherwise the softmax of
    /// the scores.
    ///
    /// # Errors
    /// As [`Encoded::classify`].
    pub fn probabilities(&self, model: &Lzn, options: ClassifyOptions, draws: u64) -> Result<Array2<f32>, TaskError> {
        let count = self.labels.len().min(options.images);
        let batch = options.batch_size.clamp(1, count.max(1));
        let mut shares = Array2::zeros((count, model.classes()));
        for (number, start) in (0..count).step_by(batch).enumerate() {
            let rows = batch.min(count - start);
            let anchors = self.anchors.narrow(0, start as i64, rows as i64);
            if model.decision() == Decision::Linear {
                let softmax =
                    tch::no_grad(|| Ok::<_, TaskError>(model.label_scores(&anchors)?.softmax(1, Kind::Float)))?;
                shares.slice_mut(s![start..start + rows, ..]).assign(&matrix(&softmax)?);
                continue;
            }
            let labels = &self.labels[start..start + rows];
            for draw in 0..draws {
                let number = number as u64 * draws + draw;
                let decided = tch::no_grad(|| decide(model, &anchors, labels, number, options))?;
                let decided = Vec::<i64>::try_from(decided.to_device(Device::Cpu))?;
                for (row, class) in decided.into_iter().enumerate() {
                    shares[[start + row, class as usize]] += 1.0 / draws as f32;
                }
            }
        }
        Ok(shares)
    }

    /// The share of latents that the model's own solver puts into the zones of their own images, among the first `images` and
    /// for noise of full scale: 1 for exact zones.
    ///
    /// # Errors
    /// [`TaskError`] if libtorch refuses an operation.
    pub fn zone_hit_rate(&self, model: &Lzn, images: usize, seed: u64) -> Result<f64, TaskError> {
        let count = (images as i64).min(self.anchors.size()[0]);
        let anchors = self.anchors.narrow(0, 0, count);
        let latents = tch::no_grad(|| model.latents_of_anchors(&anchors, &noise(model, count as usize, seed, 0)))?;
        let owners = Tensor::arange(count, (Kind::Int64, model.device()));
        Ok(zones::hit_rate(&latents, &Zones { anchors: &anchors, weights: None }, &owners)?)
    }
}

/// Images of each worker's part, and which of `count` images are here. All parts but the last are as large.
fn own_part(world: &World, count: usize) -> (usize, std::ops::Range<usize>) {
    let part = count.div_ceil(world.size()).max(1);
    let first = (world.rank() * part).min(count);
    (part, first..(first + part).min(count))
}

/// A worker's part, unless one of all was asked to stop and has given its part up: then none goes on to what they do together next.
fn unless_given_up<T>(world: &World, part: Result<T, TaskError>) -> Result<T, TaskError> {
    let given_up = match &part {
        // The others will notice that this one is gone.
        Err(error) if !error.is_interruption() => return part,
        part => part.is_err(),
    };
    if world.any(given_up).map_err(TorchError::from)? { Err(RunError::Interrupted.into()) } else { part }
}

/// The rows of all workers, `count` in all, each of which has its [`own_part`].
fn joined(world: &World, rows: &Tensor, part: usize, count: usize) -> Result<Tensor, TaskError> {
    let mut missing = vec![0; 2 * rows.dim()];
    let last = missing.len() - 1;
    missing[last] = part as i64 - rows.size()[0];
    let all = tch::no_grad(|| world.gather_rows(&rows.constant_pad_nd(missing)))?;
    Ok(all.narrow(0, 0, count as i64))
}

/// Classifies the first images of a data set by several workers: each encodes a part of them and lets a part flow among the anchors of
/// all. All workers call it, and get the whole.
///
/// # Errors
/// As [`Encoded::among`] and [`Encoded::classify`].
pub fn classify_among(
    world: &World,
    model: &Lzn,
    data: &dyn Dataset,
    options: ClassifyOptions,
) -> Result<Confusion, TaskError> {
    let encoded = Encoded::among(world, model, data, options.images)?;
    if world.is_alone() || options.class_weights != ClassWeights::Training || model.decision() == Decision::Linear {
        return encoded.classify(model, options);
    }
    let mut confusion = Confusion::new(model.classes())?;
    for (number, labels) in encoded.labels.chunks(options.batch_size.max(1)).enumerate() {
        let (start, count) = ((number * options.batch_size.max(1)) as i64, labels.len());
        let anchors = encoded.anchors.narrow(0, start, count as i64);
        let (part, own) = own_part(world, count);
        let rows = |tensor: &Tensor| tensor.narrow(0, own.start as i64, own.len() as i64);
        let owners = rows(&Tensor::arange(count as i64, (Kind::Int64, anchors.device())));
        let noise = rows(&noise(model, count, options.seed, number as u64)) * options.noise_scale;
        let decide = || {
            signals::check()?;
            if own.is_empty() {
                return Ok(owners);
            }
            let latents = model.latents_of(IMAGE, &Placed::each_of(anchors, owners), None, &noise)?;
            model.labels_of_latents(&latents)
        };
        let decided = joined(world, &unless_given_up(world, tch::no_grad(decide))?, part, count)?;
        confusion.update((&Vec::<i64>::try_from(decided.to_device(Device::Cpu))?, labels))?;
    }
    Ok(confusion)
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
    if model.decision() == Decision::Linear {
        return Ok(model.label_scores(anchors)?.argmax(1, false));
    }
    let noise = noise(model, labels.len(), options.seed, number) * options.noise_scale;
    let latents = model.latents_of_anchors(anchors, &noise)?;
    let of_batch = || {
        let counts = Tensor::from_slice(labels).bincount(None::<&Tensor>, model.classes() as i64).to_kind(Kind::Float);
        (counts / labels.len() as f64).to_device(model.device())
    };
    let weights = match options.class_weights {
        ClassWeights::Training => return model.labels_of_latents(&latents),
        ClassWeights::Equal => None,
        ClassWeights::Batch => Some(of_batch()),
    };
    let zones = Zones { anchors: &model.label_anchors()?, weights: weights.as_ref() };
    Ok(zones::decide(model.label_flow()?, &latents, &zones)?)
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
    let noise = Tensor::from_slice(&stream.normals(count * model.space.dim));
    noise.view([count as i64, -1]).to_device(model.device())
}
