//! Names of solvers, and what they cost.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use lzn_latent::{Anchors, Solver, ZoneFlow};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// A solver by its name, `euler-20` or `dpm-20`: the kind and the number of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamedSolver {
    name: String,
    solver: Solver,
}

/// The solver of a kind with this many steps; `None` for an unknown kind.
fn of_kind(kind: &str, steps: usize) -> Option<Solver> {
    match kind {
        "euler" => Some(Solver::euler(steps)),
        "dpm" => Some(Solver::dpm(steps)),
        "multistep" => Some(Solver::multistep(steps)),
        _ => None,
    }
}

impl NamedSolver {
    /// What is measured when nothing is said.
    pub const DEFAULT: &str = "multistep-6";

    /// The solvers of the study in docs/zoning.md: names of kinds with the steps that are compared.
    pub const STUDIED: &[(&str, &[usize])] =
        &[("euler", &[5, 10, 20, 50, 100]), ("dpm", &[5, 10, 20, 50]), ("multistep", &[4, 5, 6, 8, 12, 16])];

    /// Those whose growth and rounding are studied there.
    pub const COMPARED: &[&str] = &["euler-20", "dpm-20", "multistep-6"];

    /// The flow of this solver.
    ///
    /// # Errors
    /// For zero steps.
    pub fn flow(&self) -> Result<ZoneFlow, anyhow::Error> {
        ZoneFlow::new(self.solver).with_context(|| format!("solver `{}`", self.name))
    }
}

/// Evaluations of the zones that a solver makes on the way to the latents.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evaluations {
    /// Mean over the samples.
    pub mean: f64,
    /// Of the sample with most.
    pub largest: usize,
    /// Evaluations of single pairs in catch-up steps, mean over the samples.
    pub pairs: f64,
}

impl Evaluations {
    /// Those that `flow` needs for a problem, in single precision: rows in free flight need none, and starts differ.
    ///
    /// # Errors
    /// For a problem that cannot be represented.
    pub fn of(flow: &ZoneFlow, problem: &Problem) -> Result<Self, anyhow::Error> {
        let single = |array: &ndarray::Array2<f64>| array.mapv(|x| x as f32);
        let anchors = Anchors::new(single(&problem.anchors))?;
        let work = flow.trace_latents(&anchors, &problem.owners, single(&problem.noise).view())?.work();
        let samples = problem.owners.len().max(1) as f64;
        Ok(Self { mean: work.evaluations as f64 / samples, largest: work.most, pairs: work.pairs as f64 / samples })
    }
}

impl FromStr for NamedSolver {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let parts = name.rsplit_once('-').and_then(|(kind, steps)| Some((kind, steps.parse().ok()?)));
        let Some(solver) = parts.and_then(|(kind, steps)| of_kind(kind, steps)) else {
            bail!("there is no solver `{name}`: a kind and a number of steps, as in `euler-20` or `dpm-20`");
        };
        let named = Self { name: name.to_owned(), solver };
        named.flow()?;
        Ok(named)
    }
}

impl fmt::Display for NamedSolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for NamedSolver {
    type Error = anyhow::Error;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<NamedSolver> for String {
    fn from(solver: NamedSolver) -> Self {
        solver.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_and_steps_make_a_solver() {
        assert_eq!("euler-7".parse::<NamedSolver>().unwrap().solver, Solver::euler(7));
        assert_eq!("dpm-20".parse::<NamedSolver>().unwrap().solver, Solver::dpm(20));
        for wrong in ["euler", "euler-", "euler-0", "heun-8", "-5"] {
            assert!(wrong.parse::<NamedSolver>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_name_of_the_study_is_known() {
        for (kind, steps) in NamedSolver::STUDIED {
            for steps in *steps {
                assert!(format!("{kind}-{steps}").parse::<NamedSolver>().is_ok());
            }
        }
        for name in NamedSolver::COMPARED.iter().chain([&NamedSolver::DEFAULT]) {
            assert!(name.parse::<NamedSolver>().is_ok());
        }
    }
}
