//! Reconstruction: what of an image is lost on the way through its latent and back.

use lzn_data::Dataset;
use lzn_eval::reconstruction::{ImagePairs, PixelError, Ssim};
use lzn_eval::{MeanVar, Metric};
use lzn_flow::{Sampler, to_uint8};
use ndarray::{Array4, s};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::classify::{noise, order};
use super::{Better, Measure, NamedSampler, Progress};
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

/// How far what came back is from the originals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reconstructions {
    /// Mean over draws of the L2 norm of the difference over pixels in [-1, 1], of every image.
    pub errors: Vec<f64>,
    /// Draws of every image.
    pub draws: usize,
    /// PSNR in dB of the mean squared error of all first draws, as 8-bit images.
    pub psnr: f64,
    /// Mean SSIM of the first draws; none of images smaller than its window.
    pub ssim: Option<f64>,
    /// Some originals and their reconstructions with the first draw, to look at.
    pub shown: [Shown; 2],
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

impl Reconstructions {
    /// Its numbers.
    ///
    /// # Errors
    /// [`TaskError::Eval`] if an error is not finite.
    pub fn measures(&self, sampler: NamedSampler, options: &ReconstructOptions) -> Result<Vec<Measure>, TaskError> {
        let mut moments = MeanVar::new();
        moments.update(&self.errors)?;
        let found = moments.finish()?;
        let (name, draws, scale) = (sampler.name(), self.draws, options.noise_scale);
        let protocol = format!("{name} there and back, {draws} draws of the latent at noise scale {scale}");
        let half = 1.96 * (found.variance / found.count as f64).sqrt();
        let count = self.errors.len();
        let first = format!("{protocol}; the first draw, rounded to 8 bits");
        let l2 = Measure::new("reconstruction error (L2)", found.mean, Better::Lower, protocol).of(count);
        let mut all = vec![l2.spread(format!("95 %: ± {half:.3}"))];
        all.push(Measure::new("PSNR (dB)", self.psnr, Better::Higher, first.clone()).of(count));
        all.extend(self.ssim.map(|ssim| Measure::new("SSIM", ssim, Better::Higher, first).of(count)));
        Ok(all)
    }
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
    let draws = if model.encoder().is_some() { options.draws } else { 1 };
    progress.begin("reconstructing images", count * draws);
    tch::no_grad(|| {
        let anchors = model.encoder().map(|_| model.anchors(&images, options.batch_size)).transpose()?;
        let mut rows = Vec::new();
        let mut first = None;
        for draw in 0..draws {
            let noise = noise(model, count, options.seed, draw as u64) * options.noise_scale;
            let latents = anchors.as_ref().map(|anchors| model.latents_of_anchors(anchors, &noise)).transpose()?;
            let back = there_and_back(model, &images, latents.as_ref(), labels.as_ref(), options, progress)?;
            rows.push((&back - &images).square().flatten(1, -1).sum_dim_intlist(1, false, Kind::Double).sqrt());
            first.get_or_insert(back);
        }
        let errors = Vec::<f64>::try_from(Tensor::stack(&rows, 1).mean_dim([1].as_slice(), false, Kind::Double))?;
        let first = array(&to_uint8(&first.unwrap_or_else(|| images.shallow_clone())))?;
        compared(errors, draws, &array(&to_uint8(&images))?, &first)
    })
}

fn compared(
    errors: Vec<f64>,
    draws: usize,
    originals: &Array4<u8>,
    first: &Array4<u8>,
) -> Result<Reconstructions, TaskError> {
    let mut pixels = PixelError::new();
    pixels.update(ImagePairs::Bytes { originals: originals.view(), reconstructions: first.view() })?;
    let psnr = pixels.finish()?.psnr_of_mean();
    let mut structure = Ssim::new();
    let ssim = match structure.update((originals.view(), first.view())) {
        Ok(()) => Some(structure.finish()?.mean),
        Err(_) => None,
    };
    Ok(Reconstructions { errors, draws, psnr, ssim, shown: [Shown::of(originals), Shown::of(first)] })
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
