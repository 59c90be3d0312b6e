//! A wide matrix in panels, for products that go over all anchors.

use std::ops::AddAssign;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use super::gemm::{add_product, product};
use crate::Real;

/// Columns of a panel: three vectors of the widest instruction set in single precision, which is what the innermost loops of `gemm` work on
/// at a time.
pub(crate) const WIDTH: usize = 48;

/// A matrix `[d, N]`, cut into panels of [`WIDTH`] columns that lie one behind the other, each `[d, WIDTH]` in one piece of memory.
///
/// In an array `[d, N]` one row is `N` numbers from the next, and a product with a few columns of it jumps through all of memory; a panel
/// is read in order, fits the nearest cache, and needs no copy that `gemm` would have to pack.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panels<F> {
    values: Vec<F>,
    dim: usize,
}

impl<F: Real> AddAssign<&Panels<F>> for Panels<F> {
    fn add_assign(&mut self, other: &Panels<F>) {
        self.values.iter_mut().zip(&other.values).for_each(|(sum, x)| *sum += *x);
    }
}

impl<F: Real> Panels<F> {
    /// `[dim, columns]`.
    pub(crate) fn zeros(dim: usize, columns: usize) -> Self {
        Self { values: vec![F::zero(); dim * columns], dim }
    }

    /// The transpose of `rows [N, d]`.
    pub(crate) fn transposed(rows: ArrayView2<'_, F>) -> Self {
        let mut panels = Self::zeros(rows.ncols(), rows.nrows());
        for (mut panel, rows) in panels.iter_mut().zip(rows.axis_chunks_iter(Axis(0), WIDTH)) {
            panel.assign(&rows.t());
        }
        panels
    }

    /// The transpose, `[N, d]`.
    pub(crate) fn into_rows(self) -> Array2<F> {
        let mut rows = Array2::zeros((self.values.len() / self.dim.max(1), self.dim));
        for (mut rows, panel) in rows.axis_chunks_iter_mut(Axis(0), WIDTH).zip(self.iter()) {
            rows.assign(&panel.t());
        }
        rows
    }

    /// `out = a self` for `a [r, d]` and `out [r, N]`.
    pub(crate) fn product(&self, a: ArrayView2<'_, F>, mut out: ArrayViewMut2<'_, F>) {
        let parts = self.iter().zip(out.axis_chunks_iter_mut(Axis(1), WIDTH));
        parts.for_each(|(panel, out)| product(a, panel, out));
    }

    /// `self += a b` for `a [d, k]` and `b [k, N]`.
    pub(crate) fn add_product(&mut self, a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) {
        let parts = self.iter_mut().zip(b.axis_chunks_iter(Axis(1), WIDTH));
        parts.for_each(|(panel, b)| add_product(a, b, panel));
    }

    /// Adds the transpose of `rows [r, d]` to the columns `index`.
    pub(crate) fn add_columns(&mut self, index: &[usize], rows: ArrayView2<'_, F>) {
        let columns = self.values.len() / self.dim.max(1);
        for (&column, row) in index.iter().zip(rows.rows()) {
            let first = column - column % WIDTH;
            let of_column =
                self.values[first * self.dim + column - first..].iter_mut().step_by(WIDTH.min(columns - first));
            of_column.zip(row).for_each(|(sum, x)| *sum += *x);
        }
    }

    fn iter(&self) -> impl Iterator<Item = ArrayView2<'_, F>> {
        self.values.chunks(self.panel()).map(|values| {
            let shape = (self.dim, values.len() / self.dim);
            ArrayView2::from_shape(shape, values).expect("a panel has whole columns")
        })
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = ArrayViewMut2<'_, F>> {
        let (dim, panel) = (self.dim, self.panel());
        self.values.chunks_mut(panel).map(move |values| {
            let shape = (dim, values.len() / dim);
            ArrayViewMut2::from_shape(shape, values).expect("a panel has whole columns")
        })
    }

    /// Numbers of a panel.
    fn panel(&self) -> usize {
        WIDTH * self.dim.max(1)
    }
}
