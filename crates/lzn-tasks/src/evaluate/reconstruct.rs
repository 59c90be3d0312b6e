//! Reconstruction: what of an image is lost on the way through its latent and back.

use lzn_data::Dataset;
use lzn_eval::Metric;
use lzn_eval::distribution::bootstrap_mean;
use lzn_eval::reconstruction::{ImagePairs, PixelError, Ssim};
use lzn_flow::{Sampler, to_uint8};
use ndarray::{Array4, s};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::{Kind, Tensor};

use super::classify::{noise, order};
use super::features::Seen;
use super::{Better, Measure, NamedSampler, Parts, Progress};
use crate::TaskError;
use crate::data::{read_bytes, to_tensor};
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

/// How far what came back is from the originals.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstructions {
    /// Mean over draws of the L2 norm of the difference over pixels in [-1, 1], of every image.
    pub errors: Vec<f64>,
    /// Draws of every image.
    pub draws: usize,
    /// What the first draw made of the images.
    pub first: FirstDraw,
}

/// Images beside their originals, both rounded to 8 bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstDraw {
    /// PSNR in dB of the mean squared error over all images; none if all are equal.
    pub psnr: Option<f64>,
    /// Mean SSIM; none of images smaller than its window.
    pub ssim: Option<f64>,
    /// Some originals and what came back, to look at.
    pub shown: [Shown; 2],
}

/// One draw of all images: what is kept of an evaluation that was interrupted.
#[derive(Serialize, Deserialize)]
struct Draw {
    errors: Vec<f64>,
    first: Option<FirstDraw>,
}

/// Images as they can be kept in a file of text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    shape: (usize, usize, usize, usize),
    bytes: Vec<u8>,
}

impl Shown {
    fn of(images: &Array4<u8>) -> Self {
        let images = images.slice(s![..images.shape()[0].min(SHOWN), .., .., ..]);
        Self { shape: images.dim(), bytes: images.iter().copied().collect() }
    }

    /// The images `[n, C, H, W]`.
    pub fn images(&self) -> Array4<u8> {
        // What a damaged file holds is shown as black.
        Array4::from_shape_vec(self.shape, self.bytes.clone()).unwrap_or_else(|_| Array4::zeros(self.shape))
    }
}

/// Images that are kept to look at.
const SHOWN: usize = 24;

/// Resamples of the interval, and its confidence.
const BOOTSTRAP: (usize, f64) = (1_000, 0.95);

impl Reconstructions {
    /// Its numbers.
    ///
    /// # Errors
    /// [`TaskError::Eval`] if an error is not finite.
    pub fn measures(&self, sampler: NamedSampler, options: &ReconstructOptions) -> Result<Vec<Measure>, TaskError> {
        let (name, draws, scale) = (sampler.name(), self.draws, options.noise_scale);
        let protocol = format!("{name} there and back, {draws} draws of the latent at noise scale {scale}");
        let count = self.errors.len();
        let mean = self.errors.iter().sum::<f64>() / count.max(1) as f64;
        let mut l2 = Measure::new("reconstruction error (L2)", mean, Better::Lower, protocol.clone()).of(count);
        if count > 1 {
            let (resamples, level) = BOOTSTRAP;
            let found = bootstrap_mean(&self.errors, resamples, level, options.seed)?;
            l2 = l2.spread(format!("{:.0} %: {:.3} to {:.3}", 100.0 * level, found.lower, found.upper));
        }
        let protocol = format!("{protocol}; the first draw, rounded to 8 bits");
        let first = |name: &str, value| Measure::new(name, value, Better::Higher, protocol.clone()).of(count);
        let mut all = vec![l2];
        all.extend(self.first.psnr.map(|psnr| first("PSNR (dB)", psnr)));
        all.extend(self.first.ssim.map(|ssim| first("SSIM", ssim)));
        Ok(all)
    }
}

/// Sends images back to their noise (the sampler's inverse), given a latent from their zones, and on from there to images: what differs
/// then is lost by the solver and by what the latent does not hold (paper, Appendix C.3). The true labels go to a decoder that is
/// conditional on them.
///
/// Each draw is kept among the given pieces as one of the model with the given digest.
///
/// # Errors
/// [`TaskError`] without a decoder or images, if an image cannot be read, or a piece cannot be kept.
pub fn reconstruct(
    model: &Lzn,
    data: &dyn Dataset,
    options: &ReconstructOptions,
    (parts, model_digest): (&Parts, &str),
    progress: &dyn Progress,
) -> Result<Reconstructions, TaskError> {
    let count = options.images.min(data.len());
    let (originals, labels) = read_bytes(data, order(data)[..count].iter().copied())?;
    let mut seen = Seen::default();
    seen.update(&originals, &labels);
    let seen = seen.digest();
    let images = to_tensor(&originals, model.device());
    let labels = (!labels.is_empty()).then(|| Tensor::from_slice(&labels).to_device(model.device()));
    let draws = if model.encoder().is_some() { options.draws } else { 1 };
    progress.begin("reconstructing images", count * draws);
    let encode = |_| tch::no_grad(|| model.anchors(&images, options.batch_size));
    let anchors = model.encoder().map(encode).transpose()?;
    let piece = |draw: usize| {
        let noise = noise(model, count, options.seed, draw as u64) * options.noise_scale;
        let latents = anchors.as_ref().map(|anchors| model.latents_of_anchors(anchors, &noise)).transpose()?;
        let back = there_and_back(model, &images, latents.as_ref(), labels.as_ref(), options)?;
        let norms = (&back - &images).square().flatten(1, -1).sum_dim_intlist(1, false, Kind::Double).sqrt();
        let first = (draw == 0).then(|| FirstDraw::of(&originals, &array(&to_uint8(&back))?)).transpose()?;
        Ok(Draw { errors: norms.try_into()?, first })
    };
    let (mut errors, mut first) = (vec![0.0; count], None);
    for draw in 0..draws {
        let key = json!([model_digest, seen, options.sampler, options.noise_scale, options.seed, draw]);
        let name = format!("reconstruction-{}/{draw:03}", NamedSampler(options.sampler).name());
        let made = parts.value(&name, &key, || tch::no_grad(|| piece(draw)))?;
        errors.iter_mut().zip(&made.errors).for_each(|(sum, error)| *sum += error / draws as f64);
        first = first.or(made.first);
        progress.advance(count);
    }
    let nothing = || TaskError::Samples { wanted: "at least one draw of an image", got: "none" };
    Ok(Reconstructions { errors, draws, first: first.ok_or_else(nothing)? })
}

impl FirstDraw {
    fn of(originals: &Array4<u8>, back: &Array4<u8>) -> Result<Self, TaskError> {
        let mut pixels = PixelError::new();
        pixels.update(ImagePairs::Bytes { originals: originals.view(), reconstructions: back.view() })?;
        let psnr = Some(pixels.finish()?.psnr_of_mean()).filter(|psnr| psnr.is_finite());
        let mut structure = Ssim::new();
        let ssim = match structure.update((originals.view(), back.view())) {
            Ok(()) => Some(structure.finish()?.mean),
            Err(_) => None,
        };
        Ok(Self { psnr, ssim, shown: [Shown::of(originals), Shown::of(back)] })
    }
}

fn there_and_back(
    model: &Lzn,
    images: &Tensor,
    latents: Option<&Tensor>,
    labels: Option<&Tensor>,
    options: &ReconstructOptions,
) -> Result<Tensor, TaskError> {
    let count = images.size()[0];
    let size = options.batch_size.max(1) as i64;
    let part = |start: i64| {
        let rows = |tensor: &Tensor| tensor.narrow(0, start, size.min(count - start));
        let field = model.velocity_field(latents.map(rows).as_ref(), labels.map(rows).as_ref(), false)?;
        let noise = options.sampler.invert(&field, &rows(images))?.images;
        let back = options.sampler.sample(&field, &noise)?.images;
        Ok(back.clamp(-1.0, 1.0))
    };
    let parts = (0..count).step_by(size as usize).map(part).collect::<Result<Vec<_>, TaskError>>()?;
    Ok(if parts.is_empty() { images.shallow_clone() } else { Tensor::cat(&parts, 0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_come_back_unchanged_have_no_psnr_and_can_be_kept() {
        let images = Array4::from_shape_fn((2, 1, 12, 12), |(n, _, y, x)| (40 * n + 9 * y + x) as u8);
        let found = FirstDraw::of(&images, &images).unwrap();
        assert!(found.psnr.is_none() && (found.ssim.unwrap() - 1.0).abs() < 1e-12, "{found:?}");
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<FirstDraw>(&text).unwrap(), found);
    }
}
