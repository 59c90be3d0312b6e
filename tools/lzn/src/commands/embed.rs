//! `lzn embed`.

use anyhow::Result;
use lzn_tasks::data::matrix;
use lzn_tasks::task::{Source, Target};

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
    let array = matrix(&rows)?;
    images::write_array(&args.out, &array)?;
    say!("{} [{}, {}]", args.out.display(), array.nrows(), array.ncols())
}
