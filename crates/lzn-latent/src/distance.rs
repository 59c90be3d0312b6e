//! Half squared distances between anchors, exact enough for near-duplicates.

use ndarray::{Array2, ArrayView1, Axis};

use crate::{Anchors, Real};

/// `|a_j - a_i|^2 / 2` for the rows `i` of `bases` against all anchors, `[bases, N]`; exactly 0 where `j = i`.
///
/// One matrix product in double precision. In single precision the same expression loses anchors that are closer than 1e-3
/// of their norm, and with them every digit of the latents (the logits hold these distances times `tau^2`).
pub(crate) fn half_distances<F: Real>(anchors: &Anchors<F>, bases: &[usize]) -> Array2<F> {
    let all = anchors.precise();
    let rows = all.select(Axis(0), bases);
    let squares: Vec<f64> = all.rows().into_iter().map(|row| row.dot(&row)).collect();
    let mut result = rows.dot(&all.t());
    for (mut row, &base) in result.rows_mut().into_iter().zip(bases) {
        for (product, square) in row.iter_mut().zip(&squares) {
            *product = (0.5 * (squares[base] + square) - *product).max(0.0);
        }
        row[base] = 0.0;
    }
    result.mapv(F::of)
}

/// Where the distances of a row's base to all anchors are found.
pub(crate) enum Distances<'a, F> {
    /// Row `i` of the matrix belongs to row `i` of the tile: bases that never change.
    OfRows(Array2<F>),
    /// Row `b` of the matrix belongs to the base `b`: all pairs.
    OfPairs(&'a Array2<F>),
}

impl<F: Real> Distances<'_, F> {
    /// Distances of the tile's row `row`, whose base is `base`.
    pub(crate) fn row(&self, row: usize, base: usize) -> ArrayView1<'_, F> {
        match self {
            Self::OfRows(distances) => distances.row(row),
            Self::OfPairs(distances) => distances.row(base),
        }
    }
}
