//! Half squared distances between anchors, exact enough for near-duplicates.

use ndarray::{ArrayViewMut2, Axis};

use crate::kernels::gemm::product;
use crate::kernels::vectors::half_square_distance;
use crate::{Anchors, Real};

/// Rows whose products are held in double precision at once.
const CHUNK: usize = 32;

/// Pairs nearer than this, relative to their norms, are measured by their differences: the Gram matrix has lost too much of them.
pub(crate) const NEAR: f64 = 1e-4;

/// Writes `|a_j - a_b|^2 / 2` for the anchors `b` of `bases` against all anchors, `[bases, N]`; exactly 0 where two anchors are in
/// the same place.
///
/// A Gram matrix in double precision. In single precision the same expression loses anchors that are closer than 1e-3 of
/// their norm, and with them every digit of the latents (the logits hold these distances times `tau^2`).
pub(crate) fn half_distances<F: Real>(anchors: &Anchors<F>, bases: &[usize], mut out: ArrayViewMut2<'_, F>) {
    let (all, squares) = (anchors.precise(), anchors.half_squares());
    let mut products = ndarray::Array2::zeros((CHUNK.min(bases.len()), anchors.len()));
    for (bases, mut out) in bases.chunks(CHUNK).zip(out.axis_chunks_iter_mut(Axis(0), CHUNK)) {
        let mut products = products.slice_mut(ndarray::s![..bases.len(), ..]);
        product(all.select(Axis(0), bases).view(), all.t(), products.view_mut());
        for ((mut row, products), &base) in out.rows_mut().into_iter().zip(products.rows()).zip(bases) {
            for (j, (half, product)) in row.iter_mut().zip(products).enumerate() {
                let sum = squares[base] + squares[j];
                let plain = sum - product;
                let near = plain < NEAR * sum;
                *half = F::of(if near { half_square_distance(anchors.point(base), anchors.point(j)) } else { plain });
            }
        }
    }
}
