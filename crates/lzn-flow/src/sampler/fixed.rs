//! Solvers with a number of equal steps.

use tch::Tensor;

use super::problem::Problem;
use crate::{FlowError, VelocityField};

/// The final state and the times, as one list.
type Solved = (Tensor, Vec<Vec<f64>>);

/// `x(t + h) = x + h v(x, t)`.
pub(super) fn euler(problem: &mut Problem<impl VelocityField>, steps: usize) -> Result<Solved, FlowError> {
    march(problem, steps, |problem, x, t, next| {
        let v = problem.velocity(x, &[t])?;
        Ok(x + v * (next - t))
    })
}

/// As Euler, with the mean of the velocities at both ends of the Euler step.
pub(super) fn heun(problem: &mut Problem<impl VelocityField>, steps: usize) -> Result<Solved, FlowError> {
    march(problem, steps, |problem, x, t, next| {
        let h = next - t;
        let v0 = problem.velocity(x, &[t])?;
        let v1 = problem.velocity(&(x + &v0 * h), &[next])?;
        Ok(x + (v0 + v1) * (h / 2.0))
    })
}

fn march<F: VelocityField>(
    problem: &mut Problem<F>,
    steps: usize,
    step: impl Fn(&mut Problem<F>, &Tensor, f64, f64) -> Result<Tensor, FlowError>,
) -> Result<Solved, FlowError> {
    let (first, last) = problem.span;
    // Each time from its index, so that rounding does not add up and the last is exact.
    let time = |i: usize| if i == steps { last } else { first + (last - first) * i as f64 / steps as f64 };
    let mut x = problem.start.shallow_clone();
    for i in 0..steps {
        x = step(problem, &x, time(i), time(i + 1))?;
    }
    if !x.isfinite().all().int64_value(&[]).eq(&1) {
        return Err(FlowError::NotFinite { t: last });
    }
    Ok((x, vec![(0..=steps).map(time).collect()]))
}
