//! What can be typed.

mod data;
mod eval;
mod exchange;
mod run;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lzn_tasks::config::Override;

pub(crate) use self::data::{DataArgs, DataCommand, InfoArgs, PackArgs};
pub(crate) use self::eval::{CompareArgs, CompareRunsArgs, EvalArgs, EvalCommand, EvalModelArgs, FeatureArgs};
pub(crate) use self::exchange::{ExportArgs, ExportFormat, ImportArgs};
pub(crate) use self::run::{RunArgs, SourceArg};

use crate::values::{at_least_one, positive};

/// Latent Zoning Networks: one Gaussian latent space for generation, classification and representation.
#[derive(Debug, Parser)]
#[command(name = "lzn", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Without --model, the commands that use a model take the one that ships with lzn (Fashion-MNIST, 28 x 28 grey).

Examples:
  lzn run --from label:bag --to image --count 8 --out bags.png
  lzn run --from image:photo.png --to label
  lzn train --config tools/configs/quickstart.toml --run runs/mine --set train.iterations=500
  lzn resume runs/mine
  lzn eval runs/mine";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a model; goes on where the run folder's last checkpoint ended.
    Train(TrainArgs),
    /// Go on with an interrupted run, with the configuration in its folder.
    Resume(ResumeArgs),
    /// Show how a run stands: curves, speed, samples, who trains it.
    Watch(WatchArgs),
    /// Measure a model, or compare two folders of images.
    Eval(Box<EvalArgs>),
    /// Put the evaluations of several runs side by side, with the spread over seeds.
    Compare(CompareRunsArgs),
    /// Make samples of one data type out of samples of others: every task that the model can do.
    Run(RunArgs),
    /// Draw images, from labels or from the prior.
    Sample(SampleArgs),
    /// Name the class of images.
    Classify(ClassifyArgs),
    /// Write the representation of images as an npy array.
    Embed(EmbedArgs),
    /// Find the images of a folder that are most alike.
    Neighbors(NeighborsArgs),
    /// Encode images and draw them again.
    Reconstruct(ReconstructArgs),
    /// Make a run folder out of a checkpoint of the published code.
    Import(ImportArgs),
    /// Write a run for others: a checkpoint of the published code, or a folder for a model hub.
    Export(ExportArgs),
    /// Say what a data set is, or decode it once for all.
    Data(DataArgs),
    /// Look at libtorch, processor, graphics card and data sets, and say what to mend.
    Doctor(DoctorArgs),
}

/// Arguments of `lzn train`.
#[derive(Debug, Args)]
#[command(after_help = "\
Ctrl-C finishes the step, saves and says how to go on; the same command, or `lzn resume RUN`, goes on from there.

Examples:
  lzn train --config tools/configs/quickstart.toml
  lzn train --config tools/configs/quickstart.toml --run runs/mine --set train.batch_size=32 --set seed=1
  lzn train --config tools/configs/cifar10-joint.toml --set data.path=/data/cifar10 --dry-run
  lzn train --config tools/configs/afhq-cat.toml --set train.batch_size=2 --dry-run --step")]
pub(crate) struct TrainArgs {
    /// Configuration file (TOML); tools/configs/ holds the published ones and CPU demonstrations.
    #[arg(long)]
    pub config: PathBuf,
    /// Run folder; by default runs/NAME, after the name of the configuration file.
    #[arg(long)]
    pub run: Option<PathBuf>,
    /// Replace one value of the configuration, for instance train.batch_size=64; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<Override>,
    /// Check everything, print the resolved configuration and the size of every part, and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Print what the parts of a step take (data, encoder, zoning, backward pass), at the intervals of records and at the end, and write a
    /// trace for chrome://tracing and Perfetto to RUN/trace.json.
    #[arg(long)]
    pub profile: bool,
    /// With --dry-run: take a step on noise as well, and print time and memory of each network and of the step. Needs no data set.
    #[arg(long, requires = "dry_run")]
    pub step: bool,
    /// With which other processes.
    #[command(flatten)]
    pub workers: WorkersArgs,
    /// Where to compute.
    #[command(flatten)]
    pub compute: Compute,
}

/// Arguments of `lzn resume`.
#[derive(Debug, Args)]
#[command(after_help = "\
A finished run goes on when it is made longer. Lengths, intervals and workers may change; networks, data and objectives may not.

Examples:
  lzn resume runs/mine
  lzn resume runs/mine --set train.iterations=5000")]
pub(crate) struct ResumeArgs {
    /// Run folder.
    pub run: PathBuf,
    /// Replace one value of the configuration, for instance train.iterations=5000; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<Override>,
    /// With which other processes.
    #[command(flatten)]
    pub workers: WorkersArgs,
    /// Where to compute.
    #[command(flatten)]
    pub compute: Compute,
}

/// Arguments of `lzn watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
On a terminal: curves and a line on each worker, redrawn as the run goes on; q ends. Elsewhere, or with --json: for every record, and when a
worker gets stuck. It only looks, so it can run on any machine that sees the folder, and as often as one likes.

Examples:
  lzn watch runs/mine
  lzn watch runs/mine --values train/loss,eval/accuracy
  lzn watch runs/mine --once
  lzn watch runs/mine --json | jq .values")]
pub(crate) struct WatchArgs {
    /// Run folder.
    pub run: PathBuf,
    /// Values to draw or to print, separated by commas; by default the loss and what follows it in the records.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub values: Vec<String>,
    /// Print how it stands now, and stop.
    #[arg(long)]
    pub once: bool,
    /// Print JSON, one object a line, for other programs.
    #[arg(long)]
    pub json: bool,
    /// Seconds between two looks.
    #[arg(long, default_value_t = 2.0, value_parser = positive)]
    pub every: f64,
}

/// Where to compute.
#[derive(Debug, Clone, Args)]
pub(crate) struct Compute {
    /// Device; auto takes the first GPU if there is one.
    #[arg(long, value_enum, default_value_t = DeviceName::Auto)]
    pub device: DeviceName,
    /// Processor threads; by default all.
    #[arg(long, value_parser = at_least_one)]
    pub threads: Option<usize>,
}

/// Processes that train as one.
#[derive(Debug, Clone, Args)]
pub(crate) struct WorkersArgs {
    /// Train with so many processes on this machine, which share each batch. torchrun, Slurm and Open MPI start processes on several
    /// machines instead (docs/distributed.md); this is then ignored.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub processes: Option<usize>,
    /// Seconds that a worker waits for another one before it gives up.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub worker_timeout: u64,
}

/// Devices by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceName {
    /// The first GPU if there is one, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// The first CUDA device.
    Cuda,
}

/// Which model.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    /// Run folder or weights file (.safetensors); by default the model that ships with lzn.
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Of a run folder, take the raw weights instead of their moving average.
    #[arg(long)]
    pub raw: bool,
    /// Where to compute.
    #[command(flatten)]
    pub compute: Compute,
}

/// Noise and integration.
#[derive(Debug, Clone, Args)]
pub(crate) struct DrawArgs {
    /// Seed of all noise.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How velocity is integrated.
    #[arg(long, value_enum, default_value_t = SamplerName::Euler)]
    pub sampler: SamplerName,
    /// Steps of Euler and Heun.
    #[arg(long, default_value_t = 50, value_parser = at_least_one)]
    pub steps: usize,
    /// Relative and absolute tolerance of RK45.
    #[arg(long, default_value_t = 1e-5, value_parser = positive)]
    pub tolerance: f64,
    /// Images that go through the networks together: speed and memory, not results.
    #[arg(long, default_value_t = 32, value_parser = at_least_one)]
    pub batch_size: usize,
}

/// Samplers by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SamplerName {
    /// Explicit Euler.
    Euler,
    /// Heun's method of order 2.
    Heun,
    /// Dormand-Prince 5(4), every image with its own step size.
    Rk45,
}

/// Arguments of `lzn sample`.
#[derive(Debug, Args)]
#[command(after_help = "\
The same seed and number give the same image, whatever the batch size and whatever is drawn beside it.

Examples:
  lzn sample --labels sneaker,bag --count 8 --out shoes-and-bags.png
  lzn sample --model runs/mine --labels 3 --count 1 --first 5 --seed 7 --out the-sixth.png
  lzn sample --labels all --count 100 --folder pictures --npy pictures.npy")]
pub(crate) struct SampleArgs {
    /// Classes, by name or number, separated by commas; `all` for every class, `none` for draws from the prior.
    #[arg(long, default_value = "all")]
    pub labels: String,
    /// Images of each class.
    #[arg(long, default_value_t = 8, value_parser = at_least_one)]
    pub count: usize,
    /// Number of the first image: with the same seed, image 5 is the same whether it is drawn alone or among others.
    #[arg(long, default_value_t = 0)]
    pub first: u64,
    /// Picture to write, one row per class.
    #[arg(long, default_value = "samples.png")]
    pub out: PathBuf,
    /// Also write the images as an array [n, channels, height, width] of uint8.
    #[arg(long, value_name = "NPY")]
    pub npy: Option<PathBuf>,
    /// Also write every image as a file of its own into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Noise and integration.
    #[command(flatten)]
    pub draw: DrawArgs,
    /// Which model.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Arguments of `lzn classify`.
#[derive(Debug, Args)]
#[command(after_help = "\
One line per file: its name, its class, and the part of the image's zone that lies in the zone of that class.
Images are cut to a centred square and resized; in colour, grey, with alpha or in 16 bits, they become what the model takes.

Examples:
  lzn classify photo.png
  lzn classify pictures/*.png --json
  lzn classify --model runs/mine photo.jpg")]
pub(crate) struct ClassifyArgs {
    /// PNG or JPEG files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Print one JSON object per file.
    #[arg(long)]
    pub json: bool,
    /// Which model.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Arguments of `lzn embed`.
#[derive(Debug, Args)]
#[command(after_help = "\
Row i of the array belongs to the i-th file; numpy.load reads it.

Examples:
  lzn embed pictures/*.png --out anchors.npy
  lzn embed --model runs/mine photo.png --latents")]
pub(crate) struct EmbedArgs {
    /// PNG or JPEG files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Array to write, [files, d] of float32.
    #[arg(long, default_value = "embeddings.npy")]
    pub out: PathBuf,
    /// Write latents, the centres of the images' zones, instead of anchors.
    #[arg(long)]
    pub latents: bool,
    /// Which model.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Arguments of `lzn neighbors`.
#[derive(Debug, Args)]
#[command(after_help = "\
One line per hit: the query, the distance (1 minus the cosine between the anchors), and the file. The search is exact.

Examples:
  lzn neighbors photo.png --index pictures/
  lzn neighbors --model runs/mine a.png b.png --index pictures/ --count 12 --out hits.png")]
pub(crate) struct NeighborsArgs {
    /// PNG or JPEG files to look for.
    #[arg(required = true, value_name = "QUERY")]
    pub files: Vec<PathBuf>,
    /// Folder of PNG and JPEG files to look in, sub-folders included.
    #[arg(long, value_name = "FOLDER")]
    pub index: PathBuf,
    /// Hits for each query.
    #[arg(long, default_value_t = 8, value_parser = at_least_one)]
    pub count: usize,
    /// Picture to write: each query with its hits.
    #[arg(long, default_value = "neighbors.png")]
    pub out: PathBuf,
    /// Which model.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Arguments of `lzn reconstruct`.
#[derive(Debug, Args)]
#[command(after_help = "\
One line per file: its name and the L2 distance of the reconstruction, over pixels in [-1, 1].

Examples:
  lzn reconstruct photo.png
  lzn reconstruct --model runs/mine pictures/*.png --sampler heun --steps 100 --out pairs.png")]
pub(crate) struct ReconstructArgs {
    /// PNG or JPEG files.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Picture to write: originals above, reconstructions below.
    #[arg(long, default_value = "reconstructions.png")]
    pub out: PathBuf,
    /// Noise and integration.
    #[command(flatten)]
    pub draw: DrawArgs,
    /// Which model.
    #[command(flatten)]
    pub model: ModelArgs,
}

/// Arguments of `lzn doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
The exit status is 1 when anything is wrong. Where no program that links libtorch builds or starts, `cargo xtask doctor` looks from
outside, and `cargo build 2>&1 | cargo xtask doctor -` explains the output of a failed build.")]
pub(crate) struct DoctorArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
