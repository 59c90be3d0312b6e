//! From noise to image along a velocity field, and back.

mod fixed;
mod problem;
mod rk45;
mod tableau;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use self::problem::Problem;
use crate::{FlowError, RectifiedFlow, VelocityField};

/// What an adaptive solver holds to its tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorControl {
    /// The error over the whole batch, with one step size for all, as published. A sample then depends on its batch.
    Batch,
    /// The error of each sample, with a step size of its own: a sample does not depend on its batch.
    PerSample,
}

/// A solver of `dx/dt = velocity(x, t)` between `t = 1e-3` (noise) and `t = 1` (image).
///
/// The state and all control arithmetic are float64; the field is evaluated in the kind of its input.
///
/// # Example
/// ```
/// use lzn_flow::{FlowError, Sampler};
/// use tch::{Device, Kind, Tensor};
///
/// // Every image is 3: the velocity that leads there on a straight line.
/// let field = |x: &Tensor, t: &Tensor| -> Result<Tensor, FlowError> { Ok((x - 3.0) / (t - 1.001).view([-1, 1])) };
/// let sampled = Sampler::Euler { steps: 10 }.sample(&field, &Tensor::zeros([2, 1], (Kind::Float, Device::Cpu)))?;
/// assert!((sampled.images - 3.0).abs().max().double_value(&[]) < 0.01);
/// # Ok::<(), FlowError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampler {
    /// Explicit Euler, order 1, equal steps; one evaluation per step. Published: 10 steps.
    Euler {
        /// Number of steps, at least 1.
        steps: usize,
    },
    /// Heun's method, order 2, equal steps; two evaluations per step.
    Heun {
        /// Number of steps, at least 1.
        steps: usize,
    },
    /// The embedded pair of Dormand and Prince 1980, order 5 with error estimate of order 4, adaptive; six evaluations per
    /// attempted step and two at the start. Published: both tolerances 1e-5, control over the batch.
    Rk45 {
        /// Tolerance relative to the state, at least 0.
        rtol: f64,
        /// Absolute tolerance, positive.
        atol: f64,
        /// What is held to the tolerance.
        control: ErrorControl,
    },
}

/// What a solver found.
#[derive(Debug)]
pub struct Sampled {
    /// Images after [`Sampler::sample`], noise after [`Sampler::invert`]; as the input in shape and kind.
    pub images: Tensor,
    /// How often the field was evaluated, each time for the whole batch.
    pub evaluations: usize,
    /// Times at which the solution was accepted, from start to end: one list, or one per sample with
    /// [`ErrorControl::PerSample`].
    pub times: Vec<Vec<f64>>,
}

impl Sampler {
    /// The published adaptive solver.
    pub const PUBLISHED_RK45: Self = Self::Rk45 { rtol: 1e-5, atol: 1e-5, control: ErrorControl::Batch };

    /// From noise to images.
    ///
    /// # Shapes
    /// `noise` and images: `[B, ...]` float32 or float64, at least one number.
    ///
    /// # Errors
    /// [`FlowError::Setting`] for a solver that cannot be; [`FlowError::NotFinite`] and [`FlowError::StepTooSmall`] when the
    /// field cannot be integrated; those of the field.
    pub fn sample(&self, field: &impl VelocityField, noise: &Tensor) -> Result<Sampled, FlowError> {
        self.solve(field, noise, (RectifiedFlow::default().t_min, 1.0))
    }

    /// From images to the noise that [`Sampler::sample`] makes them from, up to the error of the solver.
    ///
    /// Solvers with equal steps return the state at `t = 1e-3`, where [`Sampler::sample`] starts. The adaptive solver, as
    /// published, follows the straight line from the image through that state on to `t = 0`:
    /// `(x_t - t image) / (1 - t)`.
    ///
    /// # Shapes
    /// As in [`Sampler::sample`].
    ///
    /// # Errors
    /// As in [`Sampler::sample`].
    pub fn invert(&self, field: &impl VelocityField, images: &Tensor) -> Result<Sampled, FlowError> {
        let end = RectifiedFlow::default().t_min;
        let mut sampled = self.solve(field, images, (1.0, end))?;
        if matches!(self, Self::Rk45 { .. }) {
            sampled.images = (&sampled.images - images * end) / (1.0 - end);
        }
        Ok(sampled)
    }

    fn solve(&self, field: &impl VelocityField, start: &Tensor, span: (f64, f64)) -> Result<Sampled, FlowError> {
        self.check()?;
        let kind = start.kind();
        let batch = start.size().first().copied().unwrap_or(0);
        let mut problem = Problem::new(field, start, span)?;
        let (end, times) = tch::no_grad(|| match *self {
            Self::Euler { steps } => fixed::euler(&mut problem, steps),
            Self::Heun { steps } => fixed::heun(&mut problem, steps),
            Self::Rk45 { rtol, atol, control } => {
                let groups = if control == ErrorControl::Batch { 1 } else { batch };
                rk45::solve(&mut problem, groups, rtol, atol)
            }
        })?;
        Ok(Sampled { images: end.to_kind(kind), evaluations: problem.evaluations(), times })
    }

    fn check(&self) -> Result<(), FlowError> {
        let require = |key, got: f64, holds: bool, rule| {
            if holds { Ok(()) } else { Err(FlowError::Setting { key, got, rule }) }
        };
        match *self {
            Self::Euler { steps } | Self::Heun { steps } => require("steps", steps as f64, steps >= 1, "be at least 1"),
            Self::Rk45 { rtol, atol, .. } => {
                require("rtol", rtol, rtol.is_finite() && rtol >= 0.0, "be finite and at least 0")?;
                require("atol", atol, atol.is_finite() && atol > 0.0, "be finite and positive")
            }
        }
    }
}
