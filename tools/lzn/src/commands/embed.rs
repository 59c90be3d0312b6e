//! `lzn embed`.

use anyhow::Result;
use lzn_tasks::task::{Source, Target};
use ndarray::Array2;

use crate::cli::EmbedArgs;
use crate::say::say;
use crate::{images, model};

/// Writes one row per file.
pub(crate) fn run(args: &EmbedArgs) -> Result<()> {
    images::check_place(&args.out)?;
    let weights = model::load(&args.model)?;
    let images = images::read(&weights, &args.files)?;
    let rows = match args.latents {
        true => weights.model.run(Source::Images(&images), Target::Latent, &model::looking())?,
        false => weights.model.anchors(&images, model::looking().batch_size)?,
    };
    let (n, d) = rows.size2()?;
    let values: Vec<f32> = rows.to_device(tch::Device::Cpu).contiguous().view([-1]).try_into()?;
    let array = Array2::from_shape_vec((n as usize, d as usize), values)?;
    images::write_array(&args.out, &array)?;
    say!("{} [{n}, {d}]", args.out.display())
}
