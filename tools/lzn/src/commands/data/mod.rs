//! `lzn data`.

mod info;
mod pack;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use lzn_data::{Dataset, Kind, PackedImages, detect};
use lzn_tasks::config::{AugmentConfig, DataConfig, DataSource, TextSource};
use lzn_tasks::data::{open_test, open_train};

use crate::cli::{DataArgs, DataCommand};

/// Does what was typed.
pub(super) fn run(args: &DataArgs) -> Result<()> {
    match &args.what {
        DataCommand::Info(args) => info::run(args),
        DataCommand::Pack(args) => pack::run(args),
    }
}

/// A data set by its path alone.
struct Found {
    kind: Kind,
    config: DataConfig,
    /// Names and images of the parts.
    parts: Vec<(&'static str, Arc<dyn Dataset>)>,
}

/// Side of images that have one in their files; others are looked at as they are stored.
fn fixed(kind: Kind, path: &Path) -> Result<Option<(usize, Option<usize>, usize)>> {
    Ok(match kind {
        Kind::FashionMnist => Some((28, None, 1)),
        Kind::Cifar10 => Some((32, None, 3)),
        Kind::Packed => {
            let info = PackedImages::info(path)?;
            let channels = info.colour.channels();
            info.prepared.map(|(size, resize)| (size, resize, channels)).or(Some((32, None, channels)))
        }
        _ => None,
    })
}

/// Opens what is at `path` with images of `size`, resized as asked for.
fn find(path: &Path, size: Option<usize>, resize: Option<usize>, channels: usize) -> Result<Found> {
    let kind = detect(path)?;
    let (image_size, resize, channels) = match (kind, fixed(kind, path)?) {
        (Kind::FashionMnist | Kind::Cifar10, Some((side, _, channels))) => {
            ensure!(size.is_none_or(|size| size == side), "images of {kind} have {side} pixels; leave out --size");
            (side, None, channels)
        }
        (_, Some(fixed)) => fixed,
        (_, None) => (size.unwrap_or(32), resize, channels),
    };
    let config = DataConfig {
        source: DataSource::from(kind),
        path: Some(path.to_owned()),
        image_size,
        resize,
        channels,
        background: None,
        texts: TextSource::Own,
        table: None,
        skip_bad: false,
        augment: AugmentConfig::NONE,
    };
    let mut parts = vec![("train", open_train(&config)?)];
    parts.extend(open_test(&config)?.map(|test| ("test", test)));
    Ok(Found { kind, config, parts })
}
