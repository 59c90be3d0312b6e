//! `lzn embed`.

use anyhow::Result;
use lzn_tasks::IMAGE;
use lzn_tasks::data::matrix;
use lzn_tasks::task::{Source, Target, Task};

use crate::cli::EmbedArgs;
use crate::say::say;
use crate::{images, model};

/// Writes one row per file.
pub(crate) fn run(args: &EmbedArgs) -> Result<()> {
    images::check_place(&args.out)?;
    let weights = model::load(&args.model)?;
    let images = images::read(&weights, &args.files)?;
    let rows = match args.latents {
        true => {
            let task = Task::new(Source::data(IMAGE), Target::Latent);
            weights.model.run(&task, &[(&images).into()], &model::looking())?.rows()?.shallow_clone()
        }
        false => weights.model.anchors(&images, model::looking().batch_size)?,
    };
    let array = matrix(&rows)?;
    images::write_array(&args.out, &array)?;
    say!("{} [{}, {}]", args.out.display(), array.nrows(), array.ncols())
}
