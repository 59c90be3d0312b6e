//! Measuring a model on data, and drawing what it has learned.

use lzn_data::Dataset;
use lzn_eval::{Confusion, Metric};
use lzn_random::{Purpose, Stream};
use tch::Tensor;

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
    // Data sets come sorted by class; a batch of one class would not look like those of training.
    let mut order: Vec<usize> = (0..data.len()).collect();
    Stream::new(0, Purpose::new("evaluation-order"), [0; 3]).shuffle(&mut order);
    let mut confusion = Confusion::new(model.classes)?;
    for (number, indices) in order[..count].chunks(options.batch_size).enumerate() {
        let (images, labels) = read(data, indices, model.device())?;
        let anchors = model.anchors(&images, 100)?;
        let mut stream = Stream::new(options.seed, Purpose::new("evaluation-noise"), [number as u64, 0, 0]);
        let noise = Tensor::from_slice(&stream.normals(indices.len() * model.latent_dim));
        let noise = noise.view([indices.len() as i64, -1]).to_device(model.device()) * options.noise_scale;
        let decided = model.labels_of_latents(&model.latents_of_anchors(&anchors, &noise)?)?;
        let decided = Vec::<i64>::try_from(decided.to_device(tch::Device::Cpu))?;
        confusion.update((&decided, &labels))?;
    }
    Ok(confusion)
}
