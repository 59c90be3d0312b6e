//! What can be typed.

use clap::Parser;
use lzn_benches::accuracy::Judge;
use lzn_benches::contenders::{Contender, Precision};
use lzn_benches::families::Family;
use lzn_benches::measure::{Plan, all_threads};
use lzn_benches::problem::Setting;
use lzn_benches::report::Request;
use lzn_benches::rivals::Form;
use lzn_benches::solvers::NamedSolver;

/// A contender that has run for this long is not repeated.
const PATIENCE: f64 = 40.0;

/// Measure zoning in one setting: seconds, memory, speed, and the error of latents and gradients.
#[derive(Debug, Parser)]
#[command(name = "zoning", after_long_help = READING)]
pub(crate) struct Arguments {
    /// Number of anchors, N.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = positive)]
    anchors: usize,
    /// Number of samples, B; as many as anchors if not given.
    #[arg(long, value_name = "B", value_parser = positive)]
    samples: Option<usize>,
    /// Dimension of the latent space, d.
    #[arg(long, value_name = "D", default_value_t = 200, value_parser = positive)]
    dim: usize,
    /// Solvers, separated by commas: a kind and its steps, as in euler-20 or dpm-20.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = NamedSolver::DEFAULT)]
    solver: Vec<NamedSolver>,
    /// Number type: f32 or f64.
    #[arg(long, value_name = "TYPE", default_value_t = Precision::F32)]
    dtype: Precision,
    /// Threads of ours and of libtorch; all that the machine runs at once if not given.
    #[arg(long, value_name = "T", value_parser = positive)]
    threads: Option<usize>,
    /// How the anchors lie: randn, clusters.1, clusters.01, powerlaw, encoder, duplicates.5, duplicates.05, or other decimals.
    #[arg(long, value_name = "NAME", default_value_t = Family::Normal)]
    family: Family,
    /// Factor of the anchors. The exact zones do not change; the error of a fixed grid in t does.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    scale: f64,
    /// Added to every coordinate of the anchors. The exact zones do not change; rounding may.
    #[arg(long, value_name = "O", default_value_t = 0.0, allow_negative_numbers = true)]
    offset: f64,
    /// Seed of all draws.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Timed runs of each contender, after one that is not counted.
    #[arg(long, value_name = "R", default_value_t = 5)]
    repeats: usize,
    /// Also run rivals in libtorch operations, 20 Euler steps each: naive (the published [B, N, d] form), gemm (matrix products
    /// and softmax). Without names, those whose arrays fit into 4 GB.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', num_args = 0..)]
    rivals: Option<Vec<Form>>,
    /// Samples to compare with the converged solution, 0 for none; the work grows with samples times anchors. By default at
    /// most 512, fewer where anchors are many.
    #[arg(long, value_name = "M")]
    checked: Option<usize>,
    /// One JSON object per contender and line.
    #[arg(long)]
    pub json: bool,
}

const READING: &str = "\
How to read it:
  forward      from anchors and noise to the latents, keeping what gradients need; median (least..most) seconds
  backward     from a random cotangent of the latents to the gradients of anchors and noise
  speed        14 B N d operations per evaluation over the median time of both, and the share of what this machine's matrix
               multiplication (libtorch's) reaches on the same products with as many threads
  peak memory  beyond the inputs, of one forward and backward in a process of its own: bytes allocated by Rust, and the rise of
               the kernel's high-water mark
  errors       against a solution in double precision that is converged to about 1e-6; gradients of a random linear function
               with respect to the anchors
  zone hits    latents that the converged flow takes back to their own anchors; the rest lie in a wrong zone
  assignment   converged latents that the solver itself takes back to their own anchors

Examples:
  zoning --anchors 512 --dim 200 --rivals
  zoning --anchors 1024 --solver euler-20,dpm-20 --family clusters.01
  zoning --anchors 8192 --dim 256 --checked 0 --repeats 1 --json";

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

impl Arguments {
    fn setting(&self) -> Setting {
        Setting {
            anchors: self.anchors,
            samples: self.samples.unwrap_or(self.anchors),
            dim: self.dim,
            family: self.family,
            scale: self.scale,
            offset: self.offset,
            seed: self.seed,
        }
    }

    fn fits(&self, form: Form) -> bool {
        let setting = self.setting();
        form.bytes([setting.samples, setting.anchors, setting.dim]) < 4e9
    }

    /// Rivals that were meant but not named, and do not fit.
    pub(crate) fn too_large(&self) -> Vec<Form> {
        let meant = self.rivals.as_ref().is_some_and(Vec::is_empty);
        Form::ALL.into_iter().filter(|form| meant && !self.fits(*form)).collect()
    }

    fn forms(&self) -> Vec<Form> {
        match &self.rivals {
            None => Vec::new(),
            Some(named) if named.is_empty() => Form::ALL.into_iter().filter(|form| self.fits(*form)).collect(),
            Some(named) => named.clone(),
        }
    }

    /// Everything that was asked for.
    pub(crate) fn request(&self) -> Request {
        let ours = self.solver.iter().cloned().map(Contender::Ours);
        Request {
            setting: self.setting(),
            contenders: ours.chain(self.forms().into_iter().map(Contender::Rival)).collect(),
            precision: self.dtype,
            threads: self.threads.unwrap_or_else(all_threads),
            plan: Some(Plan { repeats: self.repeats, seconds: PATIENCE }),
            checked: self.checked.unwrap_or_else(|| Judge::affordable(self.anchors)),
            memory: true,
        }
    }

    /// The setting in one line.
    pub(crate) fn title(&self) -> String {
        let Setting { anchors, samples, dim, family, scale, offset, seed } = self.setting();
        let threads = self.threads.unwrap_or_else(all_threads);
        let mut title = format!("N = {anchors}, B = {samples}, d = {dim}, {family}, {}, threads {threads}", self.dtype);
        for (name, value, usual) in [("scale", scale, 1.0), ("offset", offset, 0.0), ("seed", seed as f64, 0.0)] {
            if value != usual {
                title += &format!(", {name} {value}");
            }
        }
        title
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn typed(line: &str) -> Arguments {
        Arguments::parse_from(["zoning"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn rivals_without_names_are_those_that_fit() {
        assert_eq!(typed("--anchors 512 --rivals").forms(), [Form::Gemm, Form::Naive]);
        let large = typed("--anchors 4096 --rivals --json");
        assert_eq!((large.forms(), large.too_large()), (vec![Form::Gemm], vec![Form::Naive]));
        assert_eq!(typed("--anchors 4096 --rivals naive").forms(), [Form::Naive]);
        assert!(typed("--solver euler-20").forms().is_empty());
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        for line in ["--anchors 0", "--solver heun-2", "--family ring", "--dtype f16", "--rivals jax"] {
            let typed = ["zoning"].into_iter().chain(line.split_whitespace());
            assert!(Arguments::try_parse_from(typed).is_err(), "{line}");
        }
    }
}
