//! `sampler/`: images from noise and noise from images, with accepted times and evaluations of the adaptive solver.

use anyhow::{Context, Result};
use lzn_flow::{ErrorControl, FlowError, Sampled, Sampler as Solver};
use tch::Tensor;

use super::networks::{self, numbers, optional, tensor};
use super::text::{number_after, word_after};
use crate::{Case, Checks, Family, Line, Tolerance};

/// Accepted times depend on the fifth root of error estimates that are themselves differences near the rounding of the network:
/// two single-precision runs of the same code differ by about 1e-4.
const TIMES: f64 = 1e-3;

/// The family of this file.
#[derive(Debug)]
pub(super) struct Sampler;

/// Steps and the rest of a name such as `euler10_x1`.
fn euler(name: &str) -> Option<(usize, &str)> {
    let (steps, rest) = name.strip_prefix("euler")?.split_once('_')?;
    Some((steps.parse().ok()?, rest))
}

impl Family for Sampler {
    fn name(&self) -> &'static str {
        "sampler"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let note: String = case.get("note")?;
        // The case names the network case whose decoder it uses, and a factor for the parameters.
        let network = word_after(&note, "ncsnpp/").context("`note` names no network")?;
        let decoder = networks::decoder(&case.sibling("ncsnpp", network)?, number_after(&note, "parameter times ")?)?;
        let (latent, label) = (optional(case, "latent")?, optional(case, "label_onehot")?);
        let field = |x: &Tensor, t: &Tensor| -> Result<Tensor, FlowError> {
            decoder.net.forward(x, t, latent.as_ref(), label.as_ref(), false)
        };
        let adaptive = Solver::Rk45 {
            rtol: number_after(&note, "rtol ")?,
            atol: number_after(&note, "atol ")?,
            control: ErrorControl::Batch,
        };
        let (x0, x1) = (tensor(case, "x0")?, tensor(case, "rk45_x1")?);
        let [forward, inverse]: [(i64, Vec<f64>); 2] = case.get("rk45_nfev_and_ts")?;

        let mut checks = Checks::new("torch-f32");
        let mut images = |name: &str, sampled: &Sampled| -> Result<()> {
            checks.compare(name, &numbers(&sampled.images)?, &case.array(name)?, Tolerance::SINGLE.value);
            Ok(())
        };
        // The number of Euler's steps is in the names.
        for name in case.names() {
            match euler(name) {
                Some((steps, "x1")) => images(name, &Solver::Euler { steps }.sample(&field, &x0)?)?,
                Some((steps, "inverse_of_rk45_x1")) => images(name, &Solver::Euler { steps }.invert(&field, &x1)?)?,
                _ => {}
            }
        }
        let (there, back) = (adaptive.sample(&field, &x0)?, adaptive.invert(&field, &x1)?);
        images("rk45_x1", &there)?;
        images("rk45_inverse_of_rk45_x1", &back)?;
        for (name, sampled, (evaluations, times)) in [("rk45", &there, forward), ("rk45 inverse", &back, inverse)] {
            checks.equal(&format!("{name} evaluations"), &[sampled.evaluations as i64], &[evaluations]);
            checks.compare(&format!("{name} times"), &sampled.times[0], &times, TIMES);
        }
        Ok(vec![checks.line(self.name(), &case.name)])
    }
}
