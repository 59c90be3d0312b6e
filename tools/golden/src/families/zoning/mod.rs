//! The zone operations as the families use them, on every backend: values in double precision in and out.

mod host;
mod torch;

use anyhow::{Result, bail};
use lzn_latent::{Solver, ZoneFlow};
use ndarray::{Array1, Array2, Array3};

use crate::{Case, Tolerance};

/// A flow and the anchors it goes between.
#[derive(Debug)]
pub(super) struct Zoning {
    pub(super) flow: ZoneFlow,
    /// `[N, d]`.
    pub(super) anchors: Array2<f64>,
    /// `[N]`.
    pub(super) weights: Option<Array1<f64>>,
}

/// Latents and the gradient of `sum(latents * cotangent)`.
#[derive(Debug)]
pub(super) struct Latents {
    pub(super) latents: Array2<f64>,
    pub(super) grad_anchors: Array2<f64>,
}

/// What is differentiated on the way to the anchors.
#[derive(Debug, Clone, Copy)]
pub(super) enum Objective<'a> {
    /// The probability form of the alignment loss, with its cut-off.
    Probability(f64),
    /// The log form of the alignment loss, with its cut-off.
    Log(f64),
    /// `sum(end points * cotangent)`.
    EndPoints(&'a Array2<f64>),
}

/// The way to the anchors with the gradients of an objective.
#[derive(Debug)]
pub(super) struct Alignment {
    pub(super) end_points: Array2<f64>,
    pub(super) own_log_probs: Array2<f64>,
    pub(super) value: f64,
    pub(super) grad_latents: Array2<f64>,
    pub(super) grad_anchors: Array2<f64>,
}

/// One implementation of the zone operations.
pub(super) trait Backend {
    fn name(&self) -> &'static str;

    fn tolerance(&self) -> Tolerance;

    /// Latents of `owners` and gradients under `cotangent`.
    fn to_latents(
        &self,
        zoning: &Zoning,
        owners: &[usize],
        noise: &Array2<f64>,
        cotangent: &Array2<f64>,
    ) -> Result<Latents>;

    /// The way to the anchors, and the gradients of an objective. Objectives on end points do not look at `owners`.
    fn to_anchors(
        &self,
        zoning: &Zoning,
        latents: &Array2<f64>,
        owners: &[usize],
        objective: Objective<'_>,
    ) -> Result<Alignment>;

    /// Log-probabilities of all anchors, `[steps, B, N]`.
    fn all_log_probs(&self, zoning: &Zoning, latents: &Array2<f64>) -> Result<Array3<f64>>;

    /// Index of the anchor nearest to each end point.
    fn nearest(&self, zoning: &Zoning, end_points: &Array2<f64>) -> Result<Vec<i64>>;

    /// The probability form, the log form and the last-step accuracy of recorded log-probabilities.
    fn losses(&self, own_log_probs: &Array2<f64>, cut_off: f64) -> Result<[f64; 3]>;
}

/// All backends.
pub(super) fn backends() -> Vec<Box<dyn Backend>> {
    vec![
        Box::new(host::Host::<f64>::default()),
        Box::new(host::Host::<f32>::default()),
        Box::new(torch::Torch(tch::Kind::Double)),
        Box::new(torch::Torch(tch::Kind::Float)),
    ]
}

/// The solver of a case; what the JSON leaves out has its published value. Without a `solver` it is Euler's.
pub(super) fn flow(case: &Case) -> Result<ZoneFlow> {
    let steps = case.get("steps")?;
    let solver = match case.find::<String>("solver")?.as_deref() {
        None | Some("euler") => Solver::Euler { steps, start: case.find("eps_start")?.unwrap_or(1e-4) },
        Some("dpm") => Solver::DpmSolver {
            steps,
            order: case.find("order")?.unwrap_or(3),
            start: case.find("eps_start")?.unwrap_or(1e-3),
            end: case.find("eps_end")?.unwrap_or(1e-3),
        },
        Some(other) => bail!("unknown solver `{other}`; known are euler and dpm"),
    };
    Ok(ZoneFlow::new(solver)?)
}

/// The share of the first steps that does not count; published: 0.2.
pub(super) fn cut_off(case: &Case) -> Result<f64> {
    Ok(case.find("cut_off_fraction")?.unwrap_or(0.2))
}

/// The weights of the anchors, if the case has any.
pub(super) fn weights(case: &Case) -> Result<Option<Array1<f64>>> {
    let name = ["class_weights", "weights", "anchor_weights"].into_iter().find(|name| case.has(name));
    name.map(|name| case.vector(name)).transpose()
}
