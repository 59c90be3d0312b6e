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

    /// `out = a self` for `a [r, d]` and `out [r, columns]`, the columns from `first` on, where a panel begins.
    pub(crate) fn product(&self, first: usize, a: ArrayView2<'_, F>, mut out: ArrayViewMut2<'_, F>) {
        if self.dim == 0 {
            return out.fill(F::zero());
        }
        let parts = self.iter().skip(first / WIDTH).zip(out.axis_chunks_iter_mut(Axis(1), WIDTH));
        parts.for_each(|(panel, out)| product(a, panel, out));
    }

    /// Parts of `columns` columns each, whole panels.
    pub(crate) fn parts_mut(&mut self, columns: usize) -> impl Iterator<Item = PanelsMut<'_, F>> {
        let dim = self.dim;
        self.values.chunks_mut(columns * dim.max(1)).map(move |values| PanelsMut { values, dim })
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
        self.values.chunks(WIDTH * self.dim.max(1)).map(|values| {
            let shape = (self.dim, values.len() / self.dim);
            ArrayView2::from_shape(shape, values).expect("a panel has whole columns")
        })
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = ArrayViewMut2<'_, F>> {
        panels_mut(&mut self.values, self.dim)
    }
}

/// Some panels of a matrix.
pub(crate) struct PanelsMut<'a, F> {
    values: &'a mut [F],
    dim: usize,
}

impl<F: Real> PanelsMut<'_, F> {
    /// `self += a b` for `a [d, k]` and `b [k, columns]`.
    pub(crate) fn add_product(&mut self, a: ArrayView2<'_, F>, b: ArrayView2<'_, F>) {
        let parts = panels_mut(self.values, self.dim).zip(b.axis_chunks_iter(Axis(1), WIDTH));
        parts.for_each(|(panel, b)| add_product(a, b, panel));
    }
}

fn panels_mut<F>(values: &mut [F], dim: usize) -> impl Iterator<Item = ArrayViewMut2<'_, F>> {
    values.chunks_mut(WIDTH * dim.max(1)).map(move |values| {
        let shape = (dim, values.len() / dim);
        ArrayViewMut2::from_shape(shape, values).expect("a panel has whole columns")
    })
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;

    fn wave(rows: usize, columns: usize, frequency: f64) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| (frequency * (i * columns + j + 1) as f64).sin())
    }

    fn assert_near(found: &Array2<f64>, expected: &Array2<f64>) {
        assert_eq!(found.dim(), expected.dim());
        assert!((found - expected).iter().all(|e| e.abs() < 1e-12));
    }

    #[test]
    fn products_are_those_of_the_matrix_whatever_the_last_panel_holds() {
        for columns in [1, WIDTH - 1, WIDTH, WIDTH + 1, 3 * WIDTH + 5] {
            let (rows, a) = (wave(columns, 7, 0.7), wave(5, 7, 1.3));
            let panels = Panels::transposed(rows.view());
            assert_eq!(panels.clone().into_rows(), rows);
            let mut out = Array2::zeros((5, columns));
            panels.product(0, a.view(), out.view_mut());
            assert_near(&out, &a.dot(&rows.t()));
            let first = columns / WIDTH * WIDTH;
            let mut last = Array2::zeros((5, columns - first));
            panels.product(first, a.view(), last.view_mut());
            assert_eq!(last, out.slice(s![.., first..]));
        }
    }

    #[test]
    fn products_over_no_dimension_are_zero() {
        let mut out = Array2::from_elem((2, 3), 1.0);
        Panels::zeros(0, 3).product(0, Array2::zeros((2, 0)).view(), out.view_mut());
        assert_eq!(out, Array2::<f64>::zeros((2, 3)));
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let columns = 2 * WIDTH + 5;
        let (a, b, more) = (wave(7, 4, 0.3), wave(4, columns, 0.9), wave(3, 7, 0.5));
        let index = [columns - 1, 0, columns - 1];
        let mut expected = a.dot(&b).t().to_owned();
        index.iter().zip(more.rows()).for_each(|(j, row)| expected.row_mut(*j).scaled_add(1.0, &row));
        for part in [WIDTH, 2 * WIDTH, 3 * WIDTH] {
            let mut sum = Panels::zeros(7, columns);
            let of_b = b.axis_chunks_iter(Axis(1), part);
            sum.parts_mut(part).zip(of_b).for_each(|(mut sum, b)| sum.add_product(a.view(), b));
            sum.add_columns(&index, more.view());
            assert_near(&sum.into_rows(), &expected);
        }
    }
}
