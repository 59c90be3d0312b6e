//! The converged solution, in double precision and by other means than `lzn-latent`: what errors are measured against.
//!
//! With `tau = (1 - t) / t` and `z = x / t - tau a_own` the way of a sample to its latent is
//!
//! ```text
//! dz/dtau = sum_{j != own} w_j (a_j - a_own),     w = softmax_j( tau z.(a_j - a_own) - tau^2 |a_j - a_own|^2 / 2 )
//! ```
//!
//! from `z = noise` far out to the latent at `tau = 0`. It is integrated row by row by the classical Runge-Kutta rule of order
//! four, from where the path provably begins to bend, on a grid that is geometric far out and uniform near zero; gradients are
//! those of the discrete rule. The tests show it converged to about 1e-6. Exact duplicates share a zone.

mod field;
mod grid;
mod reverse;

pub use reverse::Hits;

use std::ops::Range;

use ndarray::{Array1, Array2, Axis, s};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::problem::{Outcome, Problem};
use field::{Rows, Stage};
use grid::Grid;

/// Rows that are integrated together.
const CHUNK: usize = 64;

/// Latents and gradients, converged to about 1e-6.
///
/// # Example
/// A single anchor owns the whole prior: its latents are the noise.
/// ```
/// use lzn_benches::{families::Family, oracle, problem::Setting};
///
/// let problem = Setting { samples: 3, ..Setting::batch(Family::Normal, 1, 4) }.problem();
/// let solved = oracle::solve(&problem);
/// assert_eq!(solved.latents, problem.noise);
/// assert_eq!(solved.noise, problem.cotangent);
/// ```
#[must_use]
pub fn solve(problem: &Problem) -> Outcome {
    solve_finer(problem, 1)
}

/// As [`solve`], with every step cut into `pieces`: the error falls with their fourth power.
#[must_use]
pub fn solve_finer(problem: &Problem, pieces: usize) -> Outcome {
    let anchors = centred(&problem.anchors);
    let parts: Vec<Outcome> = chunks(problem)
        .into_par_iter()
        .map(|rows| {
            let grid = Grid::of(&anchors, &problem.owners[rows.clone()], problem.noise.slice(s![rows.clone(), ..]));
            Way::new(&anchors, problem, rows, grid, pieces).solve()
        })
        .collect();
    let mut gradient = Array2::zeros(anchors.raw_dim());
    for part in &parts {
        gradient += &part.anchors;
    }
    let stack = |of: fn(&Outcome) -> &Array2<f64>| {
        let views: Vec<_> = parts.iter().map(|part| of(part).view()).collect();
        // It only fails without samples.
        ndarray::concatenate(Axis(0), &views).unwrap_or_else(|_| Array2::zeros(problem.noise.raw_dim()))
    };
    Outcome { latents: stack(|part| &part.latents), noise: stack(|part| &part.noise), anchors: gradient }
}

/// Rows in chunks.
fn chunks(problem: &Problem) -> Vec<Range<usize>> {
    let all = problem.owners.len();
    (0..all).step_by(CHUNK).map(|start| start..(start + CHUNK).min(all)).collect()
}

/// Anchors without their mean, which no zone depends on.
fn centred(anchors: &Array2<f64>) -> Array2<f64> {
    match anchors.mean_axis(Axis(0)) {
        Some(mean) => anchors - &mean,
        None => anchors.clone(),
    }
}

/// Some rows on their way, and back.
struct Way<'a> {
    rows: Rows<'a>,
    grid: Grid,
    steps: usize,
    noise: Array2<f64>,
    cotangent: Array2<f64>,
}

impl<'a> Way<'a> {
    fn new(anchors: &'a Array2<f64>, problem: &Problem, rows: Range<usize>, grid: Grid, pieces: usize) -> Self {
        Self {
            rows: Rows::new(anchors, &problem.owners[rows.clone()]),
            steps: grid.steps() * pieces,
            grid,
            noise: problem.noise.slice(s![rows.clone(), ..]).to_owned(),
            cotangent: problem.cotangent.slice(s![rows, ..]).to_owned(),
        }
    }

    fn solve(&self) -> Outcome {
        let mut z = self.noise.clone();
        let mut states = Vec::with_capacity(self.steps);
        for k in 0..self.steps {
            states.push(z.clone());
            let (stages, h) = self.stages(k, &z);
            for (stage, share) in stages.iter().zip([1.0, 2.0, 2.0, 1.0]) {
                z += &scaled(&stage.rate, &(&h * (share / 6.0)));
            }
        }
        let mut gradient = Array2::zeros(self.rows.anchors().raw_dim());
        let mut cotangent = self.cotangent.clone();
        for (k, state) in states.iter().enumerate().rev() {
            cotangent = self.retreat(k, state, cotangent, &mut gradient);
        }
        Outcome { latents: z, anchors: gradient, noise: cotangent }
    }

    /// The four evaluations of step `k` from `z`, and the step of every row.
    fn stages(&self, k: usize, z: &Array2<f64>) -> ([Stage; 4], Array1<f64>) {
        let start = self.grid.taus(k, self.steps);
        let h = self.grid.taus(k + 1, self.steps) - &start;
        let evaluate = |share: f64, rate: Option<&Array2<f64>>| {
            let moved = rate.map_or_else(|| z.clone(), |rate| z + &scaled(rate, &(&h * share)));
            self.rows.evaluate(&start + &(&h * share), moved)
        };
        let first = evaluate(0.0, None);
        let second = evaluate(0.5, Some(&first.rate));
        let third = evaluate(0.5, Some(&second.rate));
        let fourth = evaluate(1.0, Some(&third.rate));
        ([first, second, third, fourth], h)
    }

    /// The adjoint of step `k`: takes the cotangent behind it to the one before it.
    fn retreat(&self, k: usize, z: &Array2<f64>, after: Array2<f64>, gradient: &mut Array2<f64>) -> Array2<f64> {
        let (stages, h) = self.stages(k, z);
        let mut before = after.clone();
        // How far the following stage was moved along the rate of this one, and its cotangent.
        let mut next: Option<(f64, Array2<f64>)> = None;
        for (stage, (share, reach)) in stages.iter().zip([(1.0, 0.0), (2.0, 0.5), (2.0, 0.5), (1.0, 1.0)]).rev() {
            let mut g = scaled(&after, &(&h * (share / 6.0)));
            if let Some((reach, cotangent)) = &next {
                g += &scaled(cotangent, &(&h * *reach));
            }
            let through = self.rows.pull(stage, &g, gradient);
            before += &through;
            next = Some((reach, through));
        }
        before
    }
}

/// Every row by its own factor.
fn scaled(array: &Array2<f64>, factors: &Array1<f64>) -> Array2<f64> {
    array * &factors.view().insert_axis(Axis(1))
}

/// Which latents lie in the zone of their own anchor: the converged flow takes them back to it.
#[must_use]
pub fn hits(problem: &Problem, latents: &Array2<f64>) -> Hits {
    reverse::hits(&centred(&problem.anchors), problem, latents)
}

#[cfg(test)]
mod tests;
