//! The adaptive solver.
//!
//! Step control as in Hairer, Nørsett and Wanner, "Solving Ordinary Differential Equations I", section II.4: the first step
//! from the sizes of the state and of its first two derivatives, every further one from the error estimate. Samples are held
//! in groups that share a step size: one group for control over the batch, one group per sample otherwise.

use tch::{Kind, Tensor};

use super::problem::Problem;
use super::tableau::{COUPLING, NODES, error_weights};
use crate::{FlowError, VelocityField};

/// What the step predicted from the error estimate is multiplied by, so that it is likely to be accepted.
const SAFETY: f64 = 0.9;
/// How much a step may shrink and grow from one attempt to the next.
const FACTORS: (f64, f64) = (0.2, 10.0);
/// One over one more than the order of the error estimate.
const EXPONENT: f64 = 1.0 / 5.0;

/// Where a group of samples stands.
#[derive(Debug, Clone)]
struct Clock {
    t: f64,
    /// Size of the next step, positive.
    step: f64,
    /// Whether the last attempt was rejected; the step after it may not grow.
    rejected: bool,
    accepted: Vec<f64>,
}

/// Integrates with the samples in so many `groups` of equal size.
pub(super) fn solve(
    problem: &mut Problem<impl VelocityField>,
    groups: i64,
    rtol: f64,
    atol: f64,
) -> Result<(Tensor, Vec<Vec<f64>>), FlowError> {
    let tolerance = Tolerance { rtol, atol };
    let (first, last) = problem.span;
    let shape = problem.start.size();
    let mut x = problem.start.reshape([groups, -1]);
    let mut velocity = problem.velocity(&x, &[first])?;
    let steps = first_steps(problem, &tolerance, &x, &velocity)?;
    let clock = |step| Clock { t: first, step, rejected: false, accepted: vec![first] };
    let mut clocks: Vec<Clock> = steps.into_iter().map(clock).collect();
    while clocks.iter().any(|clock| clock.t != last) {
        let signed = clocks.iter_mut().map(|clock| clock.plan(last)).collect::<Result<Vec<f64>, _>>()?;
        let attempt = attempt(problem, &x, velocity.shallow_clone(), &clocks, &signed)?;
        let errors = tolerance.norms(&attempt.error, &x.abs().maximum(&attempt.x.abs()));
        let mut taken = Vec::with_capacity(clocks.len());
        for ((clock, step), error) in clocks.iter_mut().zip(&signed).zip(errors) {
            taken.push(clock.judge(*step, error, last)?);
        }
        let taken = Tensor::from_slice(&taken).to_device(x.device()).unsqueeze(1);
        x = attempt.x.where_self(&taken, &x);
        velocity = attempt.velocity.where_self(&taken, &velocity);
    }
    Ok((x.view(shape.as_slice()), clocks.into_iter().map(|clock| clock.accepted).collect()))
}

impl Clock {
    /// The signed length of the next attempt; 0 at the end.
    fn plan(&mut self, last: f64) -> Result<f64, FlowError> {
        if self.t == last {
            return Ok(0.0);
        }
        let towards = if last > self.t { self.t.next_up() } else { self.t.next_down() };
        let shortest = 10.0 * (towards - self.t).abs();
        if self.step < shortest {
            if self.rejected {
                return Err(FlowError::StepTooSmall { t: self.t });
            }
            self.step = shortest;
        }
        let left = last - self.t;
        Ok(if self.step >= left.abs() { left } else { self.step.copysign(left) })
    }

    /// Takes or refuses a step with this error, in units of the tolerance, and sets the size of the next.
    fn judge(&mut self, step: f64, error: f64, last: f64) -> Result<bool, FlowError> {
        if step == 0.0 {
            return Ok(false);
        }
        if !error.is_finite() {
            return Err(FlowError::NotFinite { t: self.t });
        }
        let ideal = SAFETY * error.powf(-EXPONENT);
        let taken = error < 1.0;
        if taken {
            let most = if self.rejected { 1.0 } else { FACTORS.1 };
            self.t = if step == last - self.t { last } else { self.t + step };
            self.accepted.push(self.t);
            self.step = step.abs() * ideal.min(most);
        } else {
            self.step = step.abs() * ideal.max(FACTORS.0);
        }
        self.rejected = !taken;
        Ok(taken)
    }
}

/// The scale against which errors are measured: `atol + rtol |x|`.
struct Tolerance {
    rtol: f64,
    atol: f64,
}

impl Tolerance {
    /// Root mean square of `value / (atol + rtol |x|)` over each group; `magnitude` is `|x|`.
    fn norms(&self, value: &Tensor, magnitude: &Tensor) -> Vec<f64> {
        let scaled = value / (magnitude * self.rtol + self.atol);
        let norms = scaled.square().mean_dim(1, false, Kind::Double).sqrt();
        (0..norms.numel() as i64).map(|i| norms.double_value(&[i])).collect()
    }
}

/// The first step of every group, by one Euler step of cautious size that shows the second derivative.
fn first_steps(
    problem: &mut Problem<impl VelocityField>,
    tolerance: &Tolerance,
    x: &Tensor,
    velocity: &Tensor,
) -> Result<Vec<f64>, FlowError> {
    let (first, last) = problem.span;
    let span = last - first;
    let magnitude = x.abs();
    let sizes = tolerance.norms(x, &magnitude);
    let slopes = tolerance.norms(velocity, &magnitude);
    let cautious = |(size, slope): (&f64, &f64)| {
        let step = if *size < 1e-5 || *slope < 1e-5 { 1e-6 } else { 0.01 * size / slope };
        step.min(span.abs())
    };
    let trial: Vec<f64> = sizes.iter().zip(&slopes).map(cautious).collect();
    let signed: Vec<f64> = trial.iter().map(|step| step.copysign(span)).collect();
    let moved = x + velocity * column(&signed, x);
    let times: Vec<f64> = signed.iter().map(|step| first + step).collect();
    let change = problem.velocity(&moved, &times)? - velocity;
    let changes = tolerance.norms(&change, &magnitude);
    let finish = |((trial, slope), change): ((f64, f64), f64)| {
        let bend = change / trial;
        let step = if slope <= 1e-15 && bend <= 1e-15 {
            (trial * 1e-3).max(1e-6)
        } else {
            (0.01 / slope.max(bend)).powf(EXPONENT)
        };
        step.min(100.0 * trial).min(span.abs())
    };
    Ok(trial.into_iter().zip(slopes).zip(changes).map(finish).collect())
}

/// An attempted step of every group.
struct Attempt {
    x: Tensor,
    velocity: Tensor,
    error: Tensor,
}

fn attempt(
    problem: &mut Problem<impl VelocityField>,
    x: &Tensor,
    velocity: Tensor,
    clocks: &[Clock],
    steps: &[f64],
) -> Result<Attempt, FlowError> {
    let h = column(steps, x);
    let mut velocities = vec![velocity];
    let mut state = x.shallow_clone();
    for (row, node) in COUPLING.iter().zip(NODES) {
        state = x + weighted(row, &velocities) * &h;
        let times: Vec<f64> = clocks.iter().zip(steps).map(|(clock, step)| clock.t + node * step).collect();
        velocities.push(problem.velocity(&state, &times)?);
    }
    let error = weighted(&error_weights(), &velocities) * &h;
    // The last row of the tableau leads to the new state, so its velocity is the first of the next step.
    let velocity = velocities.pop().unwrap_or_default();
    Ok(Attempt { x: state, velocity, error })
}

fn weighted(weights: &[f64], velocities: &[Tensor]) -> Tensor {
    let mut sum = velocities[0].zeros_like();
    for (weight, velocity) in weights.iter().zip(velocities).filter(|(weight, _)| **weight != 0.0) {
        sum += velocity * *weight;
    }
    sum
}

/// One number per group, as a column on the device of `like`.
fn column(values: &[f64], like: &Tensor) -> Tensor {
    Tensor::from_slice(values).to_device(like.device()).unsqueeze(1)
}
