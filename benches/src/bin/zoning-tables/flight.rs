//! How much of every path is straight, and what that leaves of the published solver's evaluations. Rows with near neighbours start at
//! a quarter of the tolerance ([`Horizon::EARLY`]).

use anyhow::Result;
use lzn_benches::families::Family;
use lzn_benches::problem::Setting;
use lzn_benches::solvers::Evaluations;
use lzn_latent::{Anchors, Horizon, LatentError, Plan, Scheme, Solver, Unit, ZoneFlow};

use crate::study::{DIM, Scope, Study};
use crate::table::Table;

/// Weight of all other zones together at the end of free flight.
const TOLERANCE: f64 = 1e-6;

/// Factors of the anchors: a fixed grid in `t` sees them.
const SCALES: [f64; 3] = [0.3, 1.0, 3.0];

const STEPS: usize = 20;

/// The start of our solver, at the tolerance.
#[derive(Debug)]
struct TakeOff;

impl Scheme for TakeOff {
    fn to_latents(&self) -> Result<Plan, LatentError> {
        let plan = Solver::multistep(1).to_latents()?;
        let unit = Unit::Horizon(Horizon { mass: TOLERANCE, ratio: 0.5 });
        Plan::new(plan.start(), plan.nodes().to_vec(), plan.end_point(), unit)
    }

    fn to_anchors(&self) -> Result<Plan, LatentError> {
        Solver::multistep(1).to_anchors()
    }
}

pub(crate) fn study(scope: Scope) -> Result<Study> {
    let anchors = if scope.quick { 128 } else { 2048 };
    let mut text = format!(
        "\n## Free flight\n\nN = B = {anchors}, d = {DIM}: the latent time up to which all other zones together weigh less than {TOLERANCE:e} \
         (least, first percentile, median and 99th percentile of the rows), and how many of {STEPS} Euler steps are left, on average and \
         at most, with the anchors times {SCALES:?}.\n"
    );
    let left = SCALES.map(|scale| format!("left at {scale}"));
    let mut table = Table::new("anchors", ["least", "1 %", "50 %", "99 %"].map(str::to_owned).into_iter().chain(left));
    for family in Family::STUDIED {
        let setting = Setting::batch(family, anchors, DIM);
        let times = take_offs(&setting)?.map(|t| format!("{t:.3}"));
        let left = SCALES.map(|scale| evaluations(&Setting { scale, ..setting.clone() }));
        let left = left.into_iter().collect::<Result<Vec<String>>>()?;
        table.row(&family.to_string(), times.into_iter().chain(left));
    }
    text += &table.text();
    Ok(Study { text, pictures: Vec::new() })
}

/// Latent times of take-off: least, first percentile, median, 99th percentile.
fn take_offs(setting: &Setting) -> Result<[f64; 4]> {
    let problem = setting.problem();
    let anchors = Anchors::new(problem.anchors.clone())?;
    let trace = ZoneFlow::new(TakeOff)?.trace_latents(&anchors, &problem.owners, problem.noise.view())?;
    let mut times: Vec<f64> = trace.starts().iter().map(|tau| 1.0 / (1.0 + tau)).collect();
    times.sort_by(f64::total_cmp);
    Ok([0.0, 0.01, 0.5, 0.99].map(|share| times[(share * (times.len() - 1) as f64) as usize]))
}

fn evaluations(setting: &Setting) -> Result<String> {
    let evaluations = Evaluations::of(&ZoneFlow::new(Solver::euler(STEPS))?, &setting.problem())?;
    Ok(format!("{:.1} ({})", evaluations.mean, evaluations.largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_duplicates_fly_freely_for_less_long() {
        let of = |name: &str| take_offs(&Setting::batch(name.parse().unwrap(), 40, 8)).unwrap();
        let (spread, twins) = (of("randn"), of("duplicates.01"));
        assert!(spread[0] > 10.0 * twins[0], "{spread:?} {twins:?}");
        assert!(twins.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
