//! `lzn data pack`.

use anyhow::{Result, ensure};
use lzn_data::{Dataset, Kind, PackOptions, detect, pack};
use lzn_tasks::data::image_config;
use lzn_tasks::evaluate::Progress;

use super::{Found, find};
use crate::cli::PackArgs;
use crate::images::check_place;
use crate::say::{note, say};
use crate::stages::Stages;

/// Decodes a data set into one file.
pub(super) fn run(args: &PackArgs) -> Result<()> {
    ensure!(args.channels != 2, "--channels must be 1 (grey) or 3 (colour)");
    check_place(&args.out)?;
    // Before it is opened: a stale one is refused with another remedy.
    ensure!(detect(&args.path)? != Kind::Packed, "{} is packed already; give what it was made of", args.path.display());
    let Found { kind, config, parts } = find(&args.path, args.size, args.resize, args.channels.into())?;
    let progress = Stages::default();
    progress.begin("packing", parts.iter().map(|(_, data)| data.len()).sum());
    // Images of one size in their files need not be kept as they were: they are.
    let whole = args.size.is_none() && !matches!(kind, Kind::FashionMnist | Kind::Cifar10);
    let options = PackOptions { config: image_config(&config), whole, skip_bad: args.skip_bad };
    let sets: Vec<(&str, &dyn Dataset)> = parts.iter().map(|(name, data)| (*name, data.as_ref())).collect();
    let report = pack(&sets, &args.path, &args.out, &options, |count| progress.advance(count))?;
    drop(progress);
    report.left_out.iter().for_each(|message| note(format_args!("left out: {message}")));
    say!("{} ({} images, {:.1} MB)", args.out.display(), report.images, report.bytes as f64 / 1e6)?;
    say!("\n[data]\nsource = \"packed\"\npath = {:?}", args.out.display().to_string())?;
    if !whole {
        say!("image_size = {}", config.image_size)?;
    }
    say!("channels = {}", config.channels)?;
    if let Some(resize) = config.resize {
        say!("resize = {resize}")?;
    }
    Ok(())
}
