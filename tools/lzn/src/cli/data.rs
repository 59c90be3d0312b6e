//! What can be typed after `lzn data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::values::at_least_one;

/// Arguments of `lzn data`.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// What to do.
    #[command(subcommand)]
    pub what: DataCommand,
}

/// What can be done with data sets.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Say what a file or folder of images is, and how to write it into a configuration.
    Info(InfoArgs),
    /// Decode all images once, into a file that training reads without decoding.
    Pack(PackArgs),
}

/// Arguments of `lzn data info`.
#[derive(Debug, Args)]
#[command(after_help = "\
Known are folders of PNG and JPEG files, CIFAR-10, Fashion-MNIST, the tar files of ImageNet, tar shards (WebDataset), data bases of LMDB and
packed files; docs/data.md describes them.

Examples:
  lzn data info data/afhq-cat
  lzn data info cifar-10-binary.tar.gz
  lzn data info data/celeba-hq --check all")]
pub(crate) struct InfoArgs {
    /// File or folder.
    pub path: PathBuf,
    /// How many images of each part are decoded, evenly spaced, to find out what they are like: a number, or `all`.
    #[arg(long, value_name = "IMAGES", default_value = "1000", value_parser = all_or_number)]
    pub check: usize,
}

/// Arguments of `lzn data pack`.
#[derive(Debug, Args)]
#[command(after_help = "\
The file is a data set of its own, `source = \"packed\"`. When what it was made of changes, it is refused and has to be made again.
With --size, images are resized and cut as `data.image_size` and `data.resize` would have them, and nothing else is kept; without it they keep
their sizes, which random crops need.

Examples:
  lzn data pack data/afhq-cat --out afhq-cat.lzn --size 256
  lzn data pack data/imagenet --out imagenet.lzn --skip-bad")]
pub(crate) struct PackArgs {
    /// File or folder of images.
    pub path: PathBuf,
    /// File to write; it is there completely or not at all.
    #[arg(long)]
    pub out: PathBuf,
    /// Height and width to which images are brought.
    #[arg(long, value_parser = at_least_one)]
    pub size: Option<usize>,
    /// Pixels that the shorter side is brought to before the middle is cut out; by default the largest square becomes the image.
    #[arg(long, value_parser = at_least_one, requires = "size")]
    pub resize: Option<usize>,
    /// 1 for grey, 3 for colour.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub channels: u8,
    /// Leave out images that cannot be decoded, and name them, instead of stopping.
    #[arg(long)]
    pub skip_bad: bool,
}

fn all_or_number(text: &str) -> Result<usize, String> {
    if text == "all" { Ok(usize::MAX) } else { at_least_one(text) }
}
