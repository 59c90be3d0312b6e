//! Matrix products on ndarray views, by the `gemm` crate.
//!
//! Always on the calling thread: rows are spread over threads further out, and an inner order of additions that depended on the
//! number of threads would change the last bits of results.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use crate::Real;

/// `out = a b`.
pub(crate) fn product<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>, out: ArrayViewMut2<'_, F>) {
    multiply(a, b, out, false);
}

/// `out += a b`.
pub(crate) fn add_product<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>, out: ArrayViewMut2<'_, F>) {
    multiply(a, b, out, true);
}

/// A row alone would take another way through `gemm` than among others, with another order of additions; it is given company, so
/// that a sample's result does not depend on its batch.
fn multiply_row<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>, mut out: ArrayViewMut2<'_, F>, accumulate: bool) {
    let mut pair = Array2::zeros((2, a.ncols()));
    pair.row_mut(0).assign(&a.row(0));
    let mut products = Array2::zeros((2, b.ncols()));
    if accumulate {
        products.row_mut(0).assign(&out.row(0));
    }
    multiply(pair.view(), b, products.view_mut(), accumulate);
    out.row_mut(0).assign(&products.row(0));
}

/// Columns that are multiplied together: `gemm` keeps a packed copy of them, up to a cache full on each thread, which beside the arrays
/// of a thousand anchors is a tenth of all memory. How sums are ordered depends on the inner dimension alone, so results are the same.
const COLUMNS: usize = 128;

fn multiply<F: Real>(a: ArrayView2<'_, F>, b: ArrayView2<'_, F>, mut out: ArrayViewMut2<'_, F>, accumulate: bool) {
    assert_eq!((a.nrows(), b.ncols()), out.dim(), "shape of a matrix product");
    let blocks = b.axis_chunks_iter(Axis(1), COLUMNS).zip(out.axis_chunks_iter_mut(Axis(1), COLUMNS));
    blocks.for_each(|(b, out)| multiply_block(a, b, out, accumulate));
}

fn multiply_block<F: Real>(
    a: ArrayView2<'_, F>,
    b: ArrayView2<'_, F>,
    mut out: ArrayViewMut2<'_, F>,
    accumulate: bool,
) {
    let ((m, k), (inner, n)) = (a.dim(), b.dim());
    assert_eq!(k, inner, "inner dimensions of a matrix product");
    if m == 1 {
        return multiply_row(a, b, out, accumulate);
    }
    let strides = |strides: &[isize]| (strides[1], strides[0]);
    let ((a_cs, a_rs), (b_cs, b_rs)) = (strides(a.strides()), strides(b.strides()));
    let (out_cs, out_rs) = strides(out.strides());
    // SAFETY: the three views are valid for reads of their shapes by their strides, `out` also for writes, and `out` is
    // borrowed mutably, so it overlaps neither of the others. The shapes fit each other by the assertions above. F is f32
    // or f64, both of which `gemm` knows.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            out_cs,
            out_rs,
            accumulate,
            a.as_ptr(),
            a_cs,
            a_rs,
            b.as_ptr(),
            b_cs,
            b_rs,
            F::one(),
            F::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;

    fn wave(rows: usize, columns: usize, frequency: f64) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| (frequency * (i * columns + j + 1) as f64).sin())
    }

    #[test]
    fn a_row_is_multiplied_alone_as_in_company() {
        for (k, n) in [(64, 10), (10, 64), (200, 1000), (1000, 200), (40, 1), (200, COLUMNS + 1), (5000, 200)] {
            let (a, b) = (wave(40, k, 0.7).mapv(|x| x as f32), wave(k, n, 1.3).mapv(|x| x as f32));
            let mut all = Array2::zeros((40, n));
            product(a.view(), b.view(), all.view_mut());
            for (start, rows) in [(0, 1), (39, 1), (5, 2), (7, 3), (3, 17)] {
                let mut some = Array2::zeros((rows, n));
                product(a.slice(s![start..start + rows, ..]), b.view(), some.view_mut());
                assert_eq!(some, all.slice(s![start..start + rows, ..]), "{rows} rows, {k} by {n}");
            }
        }
    }

    #[test]
    fn products_of_any_layout_are_those_of_ndarray() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 7), (17, 33, 9), (0, 4, 3), (4, 0, 3), (2, 3, 0)] {
            let (a, b) = (wave(m, k, 0.7), wave(k, n, 1.3));
            let expected = a.dot(&b);
            let mut out = Array2::from_elem((m, n), 2.0);
            product(a.view(), b.view(), out.view_mut());
            assert!((&out - &expected).iter().all(|e| e.abs() < 1e-12));
            let (columns, wide) = (a.t().as_standard_layout().to_owned(), wave(k, 2 * n, 0.4));
            add_product(columns.t(), wide.slice(s![.., ..;2]), out.view_mut());
            let expected = expected + a.dot(&wide.slice(s![.., ..;2]));
            assert!((&out - &expected).iter().all(|e| e.abs() < 1e-12), "{m} {k} {n}");
        }
    }
}
