//! The numbers of one setting, contender by contender.

mod text;

pub use text::ratios;

use anyhow::{Context as _, Result};
use lzn_latent::{Anchors, Real, nearest};
use ndarray::Array2;
use serde::Serialize;

use crate::accuracy::{Errors, Judge, Rounding};
use crate::contenders::{Contender, Precision};
use crate::measure::{Peak, Plan, Seconds, peak, product_seconds, rounds};
use crate::problem::{Problem, Setting};
use crate::rivals;
use crate::solvers::{Evaluations, NamedSolver};

/// What to measure.
#[derive(Debug, Clone)]
pub struct Request {
    /// The problem.
    pub setting: Setting,
    /// Who solves it.
    pub contenders: Vec<Contender>,
    /// In which number type.
    pub precision: Precision,
    /// With how many threads; [`use_threads`](crate::measure::use_threads) sets them.
    pub threads: usize,
    /// How often it is timed; not at all if absent.
    pub plan: Option<Plan>,
    /// How many samples are compared with the converged solution; 0 for none.
    pub checked: usize,
    /// Whether peak memory is measured.
    pub memory: bool,
}

/// What was measured of one contender.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Its name.
    pub contender: Contender,
    /// The number type.
    pub dtype: Precision,
    /// The problem.
    #[serde(flatten)]
    pub setting: Setting,
    /// Threads.
    pub threads: usize,
    /// Evaluations of the zones.
    pub evaluations: Evaluations,
    /// Seconds.
    pub seconds: Option<Seconds>,
    /// Peak memory beyond the inputs.
    pub peak: Option<Peak>,
    /// Samples compared with the converged solution.
    pub checked: usize,
    /// The result of that.
    pub errors: Option<Errors>,
    /// Share of the exact latents that the solver takes back to their own anchors; of ours only.
    pub assignment_rate: Option<f64>,
    /// Single against double precision, where single was asked for.
    pub rounding: Option<Rounding>,
    /// Speed.
    pub work: Option<Work>,
}

/// Floating-point operations per second, in units of 1e9.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Work {
    /// `14 B N d` per evaluation, over the median of the whole time.
    pub gflops: f64,
    /// The same products by themselves, in libtorch's matrix multiplication with as many threads.
    pub machine_gflops: f64,
    /// The first over the second.
    pub fraction: f64,
}

/// Measures everything; the reports are in the order of the contenders.
///
/// # Errors
/// What a contender refuses.
pub fn measure(request: &Request) -> Result<Vec<Report>> {
    let problem = request.setting.problem();
    let seconds = match request.plan {
        Some(plan) => rounds(&request.contenders, &problem, request.precision, plan)?.into_iter().map(Some).collect(),
        None => vec![None; request.contenders.len()],
    };
    let machine = request.plan.map(|_| product_seconds(problem.shape(), request.precision));
    let judge = (request.checked > 0).then(|| Judge::new(problem.with_samples(request.checked)));
    let of = |(contender, seconds): (&Contender, Option<Seconds>)| -> Result<Report> {
        let mut report = empty(request, contender, evaluations(contender, &problem)?);
        report.work = seconds.zip(machine).map(|(s, m)| Work::of(problem.shape(), report.evaluations, s, m));
        report.seconds = seconds;
        if request.memory {
            report.peak = Some(peak(&request.setting, contender, request.precision, request.threads)?);
        }
        if let Some(judge) = &judge {
            report.judge(judge)?;
        }
        Ok(report)
    };
    request.contenders.iter().zip(seconds).map(of).collect()
}

fn empty(request: &Request, contender: &Contender, evaluations: Evaluations) -> Report {
    Report {
        contender: contender.clone(),
        dtype: request.precision,
        setting: request.setting.clone(),
        threads: request.threads,
        evaluations,
        seconds: None,
        peak: None,
        checked: 0,
        errors: None,
        assignment_rate: None,
        rounding: None,
        work: None,
    }
}

fn evaluations(contender: &Contender, problem: &Problem) -> Result<Evaluations> {
    match contender {
        Contender::Ours(solver) => Evaluations::of(&solver.flow()?, problem),
        Contender::Rival(_) => Ok(Evaluations { mean: rivals::STEPS as f64, largest: rivals::STEPS, pairs: 0.0 }),
    }
}

impl Report {
    /// Solves the judge's problem and has the results judged. The naive rival is left alone: it is slow, and its numbers are
    /// those of Euler's rule.
    fn judge(&mut self, judge: &Judge) -> Result<()> {
        if self.contender == Contender::Rival(rivals::Form::Naive) {
            return Ok(());
        }
        let outcome = self.contender.solve(judge.problem(), self.dtype)?;
        self.checked = judge.problem().owners.len();
        self.errors = Some(judge.errors(&outcome));
        if self.dtype == Precision::F32 {
            let double = self.contender.solve(judge.problem(), Precision::F64)?;
            self.rounding = Some(Rounding::of(&outcome, &double));
        }
        if let Contender::Ours(solver) = &self.contender {
            let latents = &judge.solution().latents;
            self.assignment_rate = Some(match self.dtype {
                Precision::F32 => assignment_rate::<f32>(solver, judge.problem(), latents)?,
                Precision::F64 => assignment_rate::<f64>(solver, judge.problem(), latents)?,
            });
        }
        Ok(())
    }

    /// Seconds of forward and backward together, the median.
    #[must_use]
    pub fn total_seconds(&self) -> Option<f64> {
        self.seconds.map(|seconds| seconds.total.median)
    }

    /// Peak memory in bytes.
    #[must_use]
    pub fn peak_bytes(&self) -> Option<u64> {
        self.peak.and_then(Peak::bytes)
    }
}

/// Share of the `latents` that the solver takes to their own anchors.
fn assignment_rate<F: Real>(solver: &NamedSolver, problem: &Problem, latents: &Array2<f64>) -> Result<f64> {
    let anchors = Anchors::new(problem.anchors.mapv(F::of))?;
    let assignment = solver.flow()?.to_anchors(latents.mapv(F::of).view(), &anchors, None)?;
    let decisions = nearest(assignment.end_points.view(), &anchors).context("end points")?;
    let right = decisions.iter().zip(&problem.owners).filter(|(decision, own)| decision == own).count();
    Ok(right as f64 / decisions.len().max(1) as f64)
}

impl Work {
    fn of([samples, anchors, dim]: [usize; 3], evaluations: Evaluations, seconds: Seconds, machine: f64) -> Self {
        let one = 14e-9 * (samples * anchors * dim) as f64;
        let (gflops, machine_gflops) = (one * evaluations.mean / seconds.total.median, one / machine);
        Self { gflops, machine_gflops, fraction: gflops / machine_gflops }
    }
}
