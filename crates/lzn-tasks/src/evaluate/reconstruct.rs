//! Reconstruction: what of an image is lost on the way through its latent and back.

use lzn_data::Dataset;
use lzn_flow::{Sampler, to_uint8};
use ndarray::Array4;
use tch::{Kind, Tensor};

use super::Progress;
use super::classify::{noise, order};
use crate::TaskError;
use crate::data::read;
use crate::model::Lzn;
use crate::pictures::array;

/// What is reconstructed, and how often.
#[derive(Debug, Clone, Copy)]
pub struct ReconstructOptions {
    /// The first so many images of the data set, in the order of evaluation.
    pub images: usize,
    /// Latents drawn for every image, from all over its zone; 1 for a model without latents, where all draws would be equal.
    pub draws: usize,
    /// Scale alpha of the latents' noise. Published: 1.
    pub noise_scale: f64,
    /// Integration, there and back.
    pub sampler: Sampler,
    /// Images that go through the decoder together.
    pub batch_size: usize,
    /// Seed of the latents' noise.
    pub seed: u64,
}

/// Originals and what came back.
#[derive(Debug)]
pub struct Reconstructions {
    /// L2 norm of the difference of every image and draw, over pixels in [-1, 1]: `images * draws` of them, draws of one image side by
    /// side.
    pub errors: Vec<f64>,
    /// Originals `[images, C, H, W]` uint8.
    pub originals: Array4<u8>,
    /// Their reconstructions with the first draw.
    pub first: Array4<u8>,
}

/// Sends images back to their noise (the sampler's inverse), given a latent from their zones, and on from there to images: what differs
/// then is lost by the solver and by what the latent does not hold (paper, Appendix C.3). The true labels go to a decoder that is
/// conditional on them.
///
/// # Errors
/// [`TaskError`] without a decoder, or if an image cannot be read.
pub fn reconstruct(
    model: &Lzn,
    data: &dyn Dataset,
    options: &ReconstructOptions,
    progress: &dyn Progress,
) -> Result<Reconstructions, TaskError> {
    let count = options.images.min(data.len());
    let (images, labels) = read(data, &order(data)[..count], model.device())?;
    let labels = (!labels.is_empty()).then(|| Tensor::from_slice(&labels).to_device(model.device()));
    let draws = if model.encoder.is_some() { options.draws } else { 1 };
    progress.begin("reconstructing images", count * draws);
    tch::no_grad(|| {
        let anchors = model.encoder.as_ref().map(|_| model.anchors(&images, options.batch_size)).transpose()?;
        let mut rows = Vec::new();
        let mut first = None;
        for draw in 0..draws {
            let noise = noise(model, count, options.seed, draw as u64) * options.noise_scale;
            let latents = anchors.as_ref().map(|anchors| model.latents_of_anchors(anchors, &noise)).transpose()?;
            let back = there_and_back(model, &images, latents.as_ref(), labels.as_ref(), options, progress)?;
            rows.push((&back - &images).square().flatten(1, -1).sum_dim_intlist(1, false, Kind::Double).sqrt());
            first.get_or_insert(back);
        }
        let errors = Vec::<f64>::try_from(Tensor::stack(&rows, 1).flatten(0, -1))?;
        let first = first.map_or_else(|| images.shallow_clone(), |first| first);
        Ok(Reconstructions { errors, originals: array(&to_uint8(&images))?, first: array(&to_uint8(&first))? })
    })
}

fn there_and_back(
    model: &Lzn,
    images: &Tensor,
    latents: Option<&Tensor>,
    labels: Option<&Tensor>,
    options: &ReconstructOptions,
    progress: &dyn Progress,
) -> Result<Tensor, TaskError> {
    let count = images.size()[0];
    let size = options.batch_size.max(1) as i64;
    let part = |start: i64| {
        let rows = |tensor: &Tensor| tensor.narrow(0, start, size.min(count - start));
        let field = model.velocity_field(latents.map(rows).as_ref(), labels.map(rows).as_ref(), false)?;
        let noise = options.sampler.invert(&field, &rows(images))?.images;
        let back = options.sampler.sample(&field, &noise)?.images;
        progress.advance(back.size()[0] as usize);
        Ok(back.clamp(-1.0, 1.0))
    };
    let parts = (0..count).step_by(size as usize).map(part).collect::<Result<Vec<_>, TaskError>>()?;
    Ok(if parts.is_empty() { images.shallow_clone() } else { Tensor::cat(&parts, 0) })
}
