//! `lzn reconstruct`.

use anyhow::Result;
use lzn_flow::to_uint8;
use lzn_tasks::task::Task;
use lzn_tasks::{IMAGE, pictures};

use crate::cli::ReconstructArgs;
use crate::say::say;
use crate::{images, model};

/// Writes a picture with the originals above and their reconstructions below.
pub(crate) fn run(args: &ReconstructArgs) -> Result<()> {
    images::check_place(&args.out)?;
    let weights = model::load(&args.model)?;
    let originals = images::read(&weights, &args.files)?;
    let again = weights.model.run(&Task::from_to(IMAGE, IMAGE), &[(&originals).into()], &model::drawing(&args.draw))?;
    let again = again.rows()?;
    let difference = (again.to_kind(tch::Kind::Float) / 127.5 - 1.0 - &originals).square().sum_dim_intlist(
        [1, 2, 3].as_slice(),
        false,
        tch::Kind::Double,
    );
    for (i, file) in args.files.iter().enumerate() {
        say!("{}\tL2 {:.3}", file.display(), difference.double_value(&[i as i64]).sqrt())?;
    }
    let both = pictures::array(&tch::Tensor::cat(&[&to_uint8(&originals), again], 0))?;
    let names = ["original".to_owned(), "reconstruction".to_owned()];
    images::write(&args.out, &pictures::grid(both.view(), args.files.len(), &names)?)?;
    say!("{}", args.out.display())
}
