//! Arguments of `lzn eval`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lzn_eval::arrays::Layout;

use super::Compute;
use crate::values::{at_least_one, at_least_two, layout, not_negative, side, three_numbers, three_positive};

/// Arguments of `lzn eval`: a model, or `images` and two sets of them.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Without options it measures what [evaluate.metrics] of the configuration asks for, by default the accuracy. What is finished is kept
in the evaluation folder, so an interrupted evaluation goes on where it stopped.

Examples:
  lzn eval
  lzn eval runs/mine --confusion confusion.png
  lzn eval runs/mine --metrics all --report
  lzn eval runs/mine --metrics generation --samplers euler-10,rk45 --generated 50000 --feature-net inception --weights inception.pth
  lzn eval images real/ generated/ --feature-net inception --weights inception.pth"
)]
pub(crate) struct EvalArgs {
    /// Compare images instead.
    #[command(subcommand)]
    pub what: Option<EvalCommand>,
    /// Measure a model.
    #[command(flatten)]
    pub model: EvalModelArgs,
}

/// What can be measured besides a model.
#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Compare two sets of images by the features of a network; no model is needed.
    Images(CompareArgs),
}

/// Which model, and what of it.
#[derive(Debug, Args)]
pub(crate) struct EvalModelArgs {
    /// Run folder or weights file; by default the model that ships with lzn.
    #[arg(value_name = "RUN_OR_WEIGHTS")]
    pub model: Option<PathBuf>,
    /// Of a run folder, take the raw weights instead of their moving average.
    #[arg(long)]
    pub raw: bool,
    /// Of a run folder, measure both: the moving averages, then the raw weights.
    #[arg(long, conflicts_with = "raw")]
    pub both: bool,
    /// What to measure, separated by commas: accuracy, accuracy-sweep, generation, reconstruction, representation, retrieval, or all.
    /// results.json holds what the last evaluation measured; finished pieces of those before are kept and used again.
    #[arg(long, value_name = "GROUPS")]
    pub metrics: Option<String>,
    /// Test images; by default all.
    #[arg(long, value_parser = at_least_one)]
    pub images: Option<usize>,
    /// Scale of the latent noise in classification; by default that of the configuration. 0 is the centre of the zone.
    #[arg(long, value_parser = not_negative)]
    pub noise_scale: Option<f64>,
    /// Images that share one zoning in classification; by default that of the configuration. The more, the better.
    #[arg(long, value_name = "IMAGES", value_parser = at_least_one)]
    pub zoned: Option<usize>,
    /// Samplers of drawn images, separated by commas: euler-STEPS, heun-STEPS, rk45, rk45-TOLERANCE.
    #[arg(long, value_name = "SAMPLERS")]
    pub samplers: Option<String>,
    /// Drawn images; 50,000 by convention.
    #[arg(long, value_parser = at_least_two)]
    pub generated: Option<usize>,
    /// Reconstructed test images.
    #[arg(long, value_parser = at_least_one)]
    pub reconstructions: Option<usize>,
    /// Latents drawn for each reconstructed image; by default that of the configuration, 20 unless it says otherwise.
    #[arg(long, value_parser = at_least_one)]
    pub draws: Option<usize>,
    /// Whose features are compared.
    #[command(flatten)]
    pub features: FeatureArgs,
    /// Seed of everything drawn; by default that of the configuration.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write report.html, a page of figures and tables, into the evaluation folder.
    #[arg(long)]
    pub report: bool,
    /// Evaluation folder: report, figures, results.json and finished pieces; by default `evaluation` in the run folder.
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Write the confusion matrix as a picture.
    #[arg(long, value_name = "PNG")]
    pub confusion: Option<PathBuf>,
    /// Where to compute.
    #[command(flatten)]
    pub compute: Compute,
}

/// Whose features are compared.
#[derive(Debug, Clone, Args)]
pub(crate) struct FeatureArgs {
    /// auto, lenet, efficientnet-lite0, inception, or a TorchScript file; lenet needs the training images of a model.
    #[arg(long, value_name = "NAME_OR_FILE")]
    pub feature_net: Option<String>,
    /// Weights of efficientnet-lite0 (.pth, .safetensors) or inception (.pth, .safetensors, .pt).
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// How images become inputs. For inception clean-fid (the default), pytorch-fid, torch-fidelity, tfgan or adm; for a TorchScript
    /// file dinov2-224, cmmd-336 or another named protocol, in the place of --size, --mean and --std. Of given features, how they were
    /// made: with cmmd-336 their CMMD is measured, too.
    #[arg(long)]
    pub protocol: Option<String>,
    /// Side to which images are resized for a TorchScript file, 1 to 4096; by default 224.
    #[arg(long, value_parser = side)]
    pub size: Option<usize>,
    /// Mean of each channel, of values in [0, 1], for a TorchScript file; by default that of ImageNet, 0.485,0.456,0.406.
    #[arg(long, value_parser = three_numbers)]
    pub mean: Option<[f32; 3]>,
    /// Standard deviation of each channel, of values in [0, 1], for a TorchScript file; by default that of ImageNet,
    /// 0.229,0.224,0.225.
    #[arg(long, value_parser = three_positive)]
    pub std: Option<[f32; 3]>,
    /// Folder in which trained feature networks and features of given images are kept; by default LZN_CACHE, or `lzn` in the user's
    /// cache folder.
    #[arg(long, value_name = "FOLDER")]
    pub cache: Option<PathBuf>,
}

/// Two sets of images.
#[derive(Debug, Args)]
#[command(after_help = "\
Each side is a folder of PNG and JPEG files (sub-folders included), an npy or npz file of images, uint8 [N, H, W, C] or [N, C, H, W], or of
features [N, D] float, or an npz file of statistics (mu, sigma) as pytorch-fid and clean-fid write them, for the Frechet distance alone.
Features of images are kept under the digest of the files, so a second comparison is quick.

Examples:
  lzn eval images data/cifar10/train samples/ --feature-net inception --weights pt_inception-2015-12-05-6726825d.pth
  lzn eval images real/ generated/ --feature-net efficientnet-lite0 --weights efficientnet_lite0_in1k.safetensors --json
  lzn eval images real.npz generated.npz --save-statistics statistics.npz
  lzn eval images features-real.npy features-generated.npy
  lzn eval images clip-real.npy clip-generated.npy --protocol cmmd-336
  lzn eval images real/ generated/ --feature-net clip.pt --protocol cmmd-336")]
pub(crate) struct CompareArgs {
    /// The real images: the reference.
    pub real: PathBuf,
    /// The generated images.
    pub generated: PathBuf,
    /// Whose features are compared.
    #[command(flatten)]
    pub features: FeatureArgs,
    /// Leave out images that cannot be read, and say which, instead of stopping.
    #[arg(long)]
    pub skip_bad: bool,
    /// Axes of arrays of images, nhwc or nchw; by default the axis of length 1 or 3 is taken for the channels.
    #[arg(long, value_parser = layout)]
    pub layout: Option<Layout>,
    /// Seed of random subsets (KID) and splits (Inception Score).
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Write mean and covariance of the real images' features, for later comparisons.
    #[arg(long, value_name = "NPZ")]
    pub save_statistics: Option<PathBuf>,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Where to compute.
    #[command(flatten)]
    pub compute: Compute,
}

/// Several runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Runs whose configurations differ in the seed alone are repetitions of one setting, which is called like their folders without the
number at the end. Evaluate each run first: what was measured is compared, nothing is measured again.

Examples:
  for seed in 0 1 2; do
    lzn train --config tools/configs/quickstart.toml --run runs/joint-$seed --set seed=$seed && lzn eval runs/joint-$seed --metrics all
  done
  lzn compare runs/joint-0 runs/joint-1 runs/joint-2
  lzn compare runs/* --report runs/comparison")]
pub(crate) struct CompareRunsArgs {
    /// Run folders, each evaluated by `lzn eval RUN`.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Write report.html, a page of figures and tables, into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub report: Option<PathBuf>,
}
