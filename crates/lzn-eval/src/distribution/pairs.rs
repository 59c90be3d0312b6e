//! Sums of a kernel over all pairs of rows, in float64 and tile by tile.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{ArrayView2, Axis, s};
use rayon::prelude::*;

/// Rows of a tile: 4 MB at 2,048 numbers in a row.
const TILE: usize = 256;

/// A kernel as a function of the inner product of two rows.
pub(super) struct Kernel<F> {
    /// The value for an inner product.
    pub(super) value: F,
    /// Whether rows are divided by their length first.
    pub(super) normalise: bool,
}

/// Sum over all pairs of different rows of one set, `i != j`, and over all `i` with itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SelfSum {
    pub(super) different: f64,
    pub(super) same: f64,
}

impl<F: Fn(f64) -> f64 + Sync> Kernel<F> {
    /// Sum over all pairs of a row of `x` with one of `y`.
    pub(super) fn between(&self, x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> f64 {
        let pairs: Vec<_> = starts(x.nrows()).flat_map(|i| starts(y.nrows()).map(move |j| (i, j))).collect();
        let sum = |&(i, j): &(usize, usize)| {
            let products = self.products(x, i, y, j);
            products.values.iter().map(|product| (self.value)(*product)).sum::<f64>()
        };
        ordered_sum(&pairs, sum)
    }

    /// Sums over the pairs of one set: every tile above the diagonal counts twice.
    pub(super) fn within(&self, x: ArrayView2<'_, f32>) -> SelfSum {
        let pairs: Vec<_> =
            starts(x.nrows()).flat_map(|i| starts(x.nrows()).filter(move |j| *j > i).map(move |j| (i, j))).collect();
        let above = |&(i, j): &(usize, usize)| {
            let products = self.products(x, i, x, j);
            products.values.iter().map(|product| 2.0 * (self.value)(*product)).sum::<f64>()
        };
        let diagonal: Vec<usize> = starts(x.nrows()).collect();
        let on: Vec<(f64, f64)> = diagonal.par_iter().map(|&i| self.diagonal_tile(x, i)).collect();
        let (different, same) = on.iter().fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        SelfSum { different: different + ordered_sum(&pairs, above), same }
    }

    /// Pairs of different rows, and rows with themselves, of the tile that starts at row `start`.
    fn diagonal_tile(&self, x: ArrayView2<'_, f32>, start: usize) -> (f64, f64) {
        let products = self.products(x, start, x, start);
        let (mut different, mut same) = (0.0, 0.0);
        for (i, row) in products.values.chunks_exact(products.columns).enumerate() {
            different += 2.0 * row[..i].iter().map(|product| (self.value)(*product)).sum::<f64>();
            same += (self.value)(row[i]);
        }
        (different, same)
    }

    fn products(&self, x: ArrayView2<'_, f32>, i: usize, y: ArrayView2<'_, f32>, j: usize) -> Products {
        let (left, right) = (self.tile(x, i), self.tile(y, j));
        let dimension = x.ncols();
        let (rows, columns) = (left.len() / dimension, right.len() / dimension);
        let mut values = vec![0.0; rows * columns];
        let left = MatRef::from_row_major_slice(&left, rows, dimension);
        let right = MatRef::from_row_major_slice(&right, columns, dimension);
        let out = MatMut::from_row_major_slice_mut(&mut values, rows, columns);
        matmul(out, Accum::Replace, left, right.transpose(), 1.0, Par::Seq);
        Products { values, columns }
    }

    /// Rows of the tile that starts at row `start`, row-major.
    fn tile(&self, x: ArrayView2<'_, f32>, start: usize) -> Vec<f64> {
        let end = x.nrows().min(start + TILE);
        let mut tile = Vec::with_capacity((end - start) * x.ncols());
        for row in x.slice(s![start..end, ..]).axis_iter(Axis(0)) {
            let length =
                if self.normalise { row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt() } else { 1.0 };
            tile.extend(row.iter().map(|&x| f64::from(x) / length));
        }
        tile
    }
}

/// Inner products of two tiles, row-major.
struct Products {
    values: Vec<f64>,
    columns: usize,
}

fn starts(rows: usize) -> impl Iterator<Item = usize> + Clone {
    (0..rows).step_by(TILE)
}

/// Terms are found on all threads and added in their order, so that the sum does not depend on the threads.
fn ordered_sum<T: Sync>(items: &[T], term: impl Fn(&T) -> f64 + Send + Sync) -> f64 {
    items.par_iter().map(term).collect::<Vec<_>>().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::samples::normal;

    #[test]
    fn tiles_of_any_number_add_up_to_all_pairs() {
        let kernel = Kernel { value: |product: f64| (product / 3.0 + 1.0).powi(3), normalise: false };
        for (n, m) in [(1, 1), (2, TILE), (TILE + 1, 3), (2 * TILE + 5, TILE)] {
            let (x, y) = (normal(1, n, 3), normal(2, m, 3));
            let plain = |x: &ndarray::Array2<f32>, y: &ndarray::Array2<f32>| {
                (kernel.value)(0.0); // The type of the closure's argument.
                x.mapv(f64::from).dot(&y.mapv(f64::from).t()).mapv(&kernel.value)
            };
            let near = |found: f64, expected: f64| (found - expected).abs() < 1e-12 * expected.abs();
            assert!(near(kernel.between(x.view(), y.view()), plain(&x, &y).sum()), "{n} {m}");
            let (within, all) = (kernel.within(x.view()), plain(&x, &x));
            assert!(near(within.same, all.diag().sum()), "{n}");
            assert!((within.different - (all.sum() - all.diag().sum())).abs() < 1e-12 * all.sum(), "{n}");
        }
    }
}
