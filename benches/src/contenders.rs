//! What is measured: our solvers and the rivals, all with the same problem and the same two numbers per run.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context as _, Result};
use lzn_latent::{Anchors, LatentGradients, Real, ZoneFlow};
use ndarray::{ArcArray2, Array2};
use serde::{Deserialize, Serialize};

use crate::problem::{Outcome, Problem};
use crate::rivals::{Form, Rival};
use crate::solvers::NamedSolver;

/// One of those that are compared, by its name: a solver of ours, or the [`Form`] of a rival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Contender {
    /// `lzn-latent` with this solver.
    Ours(NamedSolver),
    /// The published solver, Euler with 20 steps, in libtorch operations.
    Rival(Form),
}

/// The type of all numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single.
    F32,
    /// Double.
    F64,
}

/// Seconds of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// From anchors and noise to the latents, with all that gradients need.
    pub forward: f64,
    /// From the cotangent of the latents to the gradients of anchors and noise.
    pub backward: f64,
}

/// A contender with its inputs in place.
pub trait Runner {
    /// Latents and gradients, once. The results are kept, those of the run before are dropped first.
    ///
    /// # Errors
    /// What the contender refuses.
    fn run(&mut self) -> Result<Times>;

    /// Results of the last run.
    ///
    /// # Errors
    /// If there was none.
    fn outcome(&self) -> Result<Outcome>;
}

impl Contender {
    /// Puts the inputs in place.
    ///
    /// # Errors
    /// For a problem that cannot be represented.
    pub fn prepare(&self, problem: &Problem, precision: Precision) -> Result<Box<dyn Runner>> {
        Ok(match (self, precision) {
            (Self::Ours(solver), Precision::F32) => Box::new(Ours::<f32>::new(solver.flow()?, problem)),
            (Self::Ours(solver), Precision::F64) => Box::new(Ours::<f64>::new(solver.flow()?, problem)),
            (Self::Rival(form), _) => Box::new(Rival::new(*form, problem, precision)),
        })
    }

    /// Results for `problem`, without timing.
    ///
    /// # Errors
    /// What the contender refuses.
    pub fn solve(&self, problem: &Problem, precision: Precision) -> Result<Outcome> {
        let mut runner = self.prepare(problem, precision)?;
        runner.run()?;
        runner.outcome()
    }
}

/// `lzn-latent` as a training step uses it: new anchors every time, gradients once.
struct Ours<F> {
    flow: ZoneFlow,
    anchors: ArcArray2<F>,
    owners: Vec<usize>,
    noise: Array2<F>,
    cotangent: Array2<F>,
    last: Option<(Array2<F>, LatentGradients<F>)>,
}

impl<F: Real> Ours<F> {
    fn new(flow: ZoneFlow, problem: &Problem) -> Self {
        let native = |array: &Array2<f64>| array.mapv(F::of);
        Self {
            flow,
            anchors: native(&problem.anchors).into_shared(),
            owners: problem.owners.clone(),
            noise: native(&problem.noise),
            cotangent: native(&problem.cotangent),
            last: None,
        }
    }
}

impl<F: Real> Runner for Ours<F> {
    fn run(&mut self) -> Result<Times> {
        self.last = None;
        let begin = Instant::now();
        let anchors = Anchors::shared(self.anchors.clone())?;
        let trace = self.flow.trace_latents(&anchors, &self.owners, self.noise.view())?;
        let middle = Instant::now();
        let results = trace.into_vjp(self.cotangent.view())?;
        let times = Times { forward: (middle - begin).as_secs_f64(), backward: middle.elapsed().as_secs_f64() };
        self.last = Some(results);
        Ok(times)
    }

    fn outcome(&self) -> Result<Outcome> {
        let (latents, gradients) = self.last.as_ref().context("nothing has been run yet")?;
        let wide = |array: &Array2<F>| array.mapv(Real::wide);
        Ok(Outcome { latents: wide(latents), anchors: wide(&gradients.anchors), noise: wide(&gradients.noise) })
    }
}

impl FromStr for Contender {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match Form::named(name) {
            Some(form) => Ok(Self::Rival(form)),
            None => name.parse().map(Self::Ours),
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(solver) => solver.fmt(f),
            Self::Rival(form) => f.write_str(form.name()),
        }
    }
}

impl TryFrom<String> for Contender {
    type Error = anyhow::Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<Contender> for String {
    fn from(contender: Contender) -> Self {
        contender.to_string()
    }
}

impl FromStr for Precision {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(Self::F32),
            "f64" => Ok(Self::F64),
            _ => anyhow::bail!("there is no number type `{name}`: f32 or f64"),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}
