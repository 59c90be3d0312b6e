//! The converged way back: which anchor a latent belongs to.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::chunks;
use super::grid::Grid;
use crate::problem::Problem;

/// The integration ends at this multiple of the clock from which on all samples are alone in their zones.
const BEYOND: f64 = 1.5;

/// Latents that lie in their own zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hits {
    /// How many do.
    pub own: usize,
    /// Of how many.
    pub of: usize,
}

impl Hits {
    /// The share, in [0, 1].
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.own as f64 / self.of.max(1) as f64
    }
}

/// Integrates `du/dtau = sum_j w_j a_j` from the latents and looks whose zone is entered.
pub(super) fn hits(anchors: &Array2<f64>, problem: &Problem, latents: &Array2<f64>) -> Hits {
    let half_squares = anchors.map_axis(Axis(1), |row| 0.5 * row.dot(&row));
    let grids: Vec<(std::ops::Range<usize>, Grid)> = chunks(problem)
        .into_par_iter()
        .map(|rows| {
            let grid = Grid::of(anchors, &problem.owners[rows.clone()], problem.noise.slice(s![rows.clone(), ..]));
            (rows, grid)
        })
        .collect();
    let end = BEYOND * grids.iter().map(|(_, grid)| grid.largest()).fold(0.0, f64::max);
    let own = grids.into_par_iter().map(|(rows, grid)| {
        let mut u = latents.slice(s![rows.clone(), ..]).to_owned();
        let field = Field { anchors, half_squares: &half_squares };
        let taus = grid.upwards(end);
        taus.windows(2).for_each(|ends| field.step(&mut u, ends[0], ends[1]));
        let logits = field.logits(u.view(), end);
        let owners = &problem.owners[rows];
        logits.rows().into_iter().zip(owners).filter(|(row, own)| same(anchors, largest(*row), **own)).count()
    });
    Hits { own: own.sum(), of: latents.nrows() }
}

struct Field<'a> {
    anchors: &'a Array2<f64>,
    half_squares: &'a Array1<f64>,
}

impl Field<'_> {
    fn logits(&self, u: ArrayView2<'_, f64>, tau: f64) -> Array2<f64> {
        u.dot(&self.anchors.t()) * tau - &(self.half_squares * (tau * tau))
    }

    fn mean(&self, u: ArrayView2<'_, f64>, tau: f64) -> Array2<f64> {
        let mut weights = self.logits(u, tau);
        for mut row in weights.rows_mut() {
            let top = row[largest(row.view())];
            row.mapv_inplace(|l| (l - top).exp());
            let norm = row.sum();
            row.mapv_inplace(|e| e / norm);
        }
        weights.dot(self.anchors)
    }

    /// The classical Runge-Kutta step.
    fn step(&self, u: &mut Array2<f64>, from: f64, to: f64) {
        let h = to - from;
        let first = self.mean(u.view(), from);
        let second = self.mean((&*u + &(&first * (0.5 * h))).view(), from + 0.5 * h);
        let third = self.mean((&*u + &(&second * (0.5 * h))).view(), from + 0.5 * h);
        let fourth = self.mean((&*u + &(&third * h)).view(), to);
        *u += &((first + fourth + (second + third) * 2.0) * (h / 6.0));
    }
}

fn largest(row: ArrayView1<'_, f64>) -> usize {
    (0..row.len()).fold(0, |best, j| if row[j] > row[best] { j } else { best })
}

/// The same anchor, or an exact duplicate of it.
fn same(anchors: &Array2<f64>, one: usize, other: usize) -> bool {
    one == other || anchors.row(one) == anchors.row(other)
}
