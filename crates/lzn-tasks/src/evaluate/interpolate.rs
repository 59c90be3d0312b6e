//! Images on the way from one latent to another.

use lzn_flow::{Sampler, to_uint8};
use lzn_random::{Purpose, Stream};
use ndarray::Array4;
use tch::Tensor;

use crate::TaskError;
use crate::model::Lzn;
use crate::pictures::array;
use crate::task::paths;

/// Draws `rows` rows of `columns` images `[rows * columns, C, H, W]` uint8, each from one draw of the prior to another along a great
/// circle, which keeps to where a Gaussian has its mass. The noise of the images is that of their row, so what changes is the latent
/// alone; a plain Rectified Flow, which has none, goes from noise to noise. A decoder that is conditional on labels is given the label
/// to whose zone each latent belongs, or the row's number where it knows no zones.
///
/// # Errors
/// [`TaskError`] without a decoder.
pub fn interpolate(
    model: &Lzn,
    (rows, columns): (usize, usize),
    sampler: &Sampler,
    seed: u64,
) -> Result<Array4<u8>, TaskError> {
    let shape = model.image()?;
    let image = [shape.channels as i64, shape.size as i64, shape.size as i64];
    let size = image.iter().product::<i64>() as usize;
    let latents = model.encoder().is_some();
    let ends = |name, end, size| {
        let ends: Vec<Tensor> = (0..rows).map(|row| draw(name, row, end, size, seed)).collect();
        Tensor::cat(&ends, 0)
    };
    let paths = |name, size| paths(&ends(name, 0, size), &ends(name, 1, size), columns).to_device(model.device());
    let (latents, noise) = if latents {
        let fixed = (0..rows).map(|row| draw("interpolation-noise", row, 0, size, seed).repeat([columns as i64, 1]));
        (Some(paths("interpolation", model.space.dim)), Tensor::cat(&fixed.collect::<Vec<_>>(), 0))
    } else {
        (None, paths("interpolation", size))
    };
    let noise = noise.to_device(model.device()).view([-1, image[0], image[1], image[2]]);
    tch::no_grad(|| {
        let labels = match (&latents, model.label_conditional()) {
            (_, false) => None,
            (Some(latents), true) if model.labels().is_some() => Some(model.labels_of_latents(latents)?),
            _ => {
                let row = |i: usize| (i / columns % model.classes().max(1)) as i64;
                let labels: Vec<i64> = (0..rows * columns).map(row).collect();
                Some(Tensor::from_slice(&labels).to_device(model.device()))
            }
        };
        let field = model.velocity_field(latents.as_ref(), labels.as_ref(), false)?;
        array(&to_uint8(&sampler.sample(&field, &noise)?.images))
    })
}

fn draw(name: &str, row: usize, end: u64, size: usize, seed: u64) -> Tensor {
    let mut stream = Stream::new(seed, Purpose::new(name), [row as u64, end, 0]);
    Tensor::from_slice(&stream.normals(size)).view([1, -1])
}
