//! What can be typed after `lzn import` and `lzn export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lzn_tasks::config::Override;

use super::Compute;

/// Arguments of `lzn import`.
#[derive(Debug, Args)]
#[command(after_help = "\
The file is read as data: nothing in it is run, and anything but tensors, dicts, lists, numbers and texts is refused. The run folder is
as `lzn train` would have left it: sample, classify, embed, reconstruct, eval, resume and export take it.

Which configuration belongs to which published model is in docs/import.md. If a tensor is missing, left over or of another shape, all are
listed by name and nothing is written. Without the training images (data.path), sampling and embedding work all the same.

Examples:
  lzn import 000001199-000060000.pt --config tools/configs/afhq-cat.toml --run runs/afhq-cat
  lzn import joint.pt --config tools/configs/cifar10-joint.toml --run runs/cifar10 --set data.path=/data/cifar10
  lzn sample --model runs/cifar10 --labels all --count 4")]
pub(crate) struct ImportArgs {
    /// Checkpoint of the published code (.pt).
    pub checkpoint: PathBuf,
    /// Configuration of its networks (TOML); tools/configs/ holds those of the published models.
    #[arg(long)]
    pub config: PathBuf,
    /// Run folder to make.
    #[arg(long)]
    pub run: PathBuf,
    /// Replace one value of the configuration, for instance data.path=/data/cifar10; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<Override>,
    /// Training images to encode as company for single images, which are zoned against them; 0 for none. Takes a forward pass each.
    #[arg(long, default_value_t = 1000, value_name = "IMAGES")]
    pub bank: usize,
    /// Where to compute.
    #[command(flatten)]
    pub compute: Compute,
}

/// Arguments of `lzn export`.
#[derive(Debug, Args)]
#[command(after_help = "\
published     one .pt file in the layout of the published code: parameters, averages, Adam's moments, learning rates. `torch.load` reads it,
              the published trainer goes on from it, `lzn import` brings it back without a bit changed.
safetensors   a folder as model hubs have them: model.safetensors (the averages, with the configuration in its header), config.toml,
              and README.md, the model card. `lzn sample --model FOLDER/model.safetensors` takes it.

Examples:
  lzn export runs/mine --format published --out mine.pt
  lzn export runs/mine --format safetensors --out mine
  lzn export runs/mine --format safetensors --raw --out mine-raw")]
pub(crate) struct ExportArgs {
    /// Run folder.
    pub run: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// File (published) or new folder (safetensors) to write.
    #[arg(long)]
    pub out: PathBuf,
    /// With safetensors, write the raw weights instead of their moving average.
    #[arg(long)]
    pub raw: bool,
}

/// Formats by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A checkpoint of the published code.
    Published,
    /// Weights and a model card for a hub.
    Safetensors,
}
