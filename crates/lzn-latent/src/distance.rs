//! Half squared distances between anchors, exact enough for near-duplicates.

use ndarray::{ArrayViewMut2, Axis};

use crate::kernels::gemm::product;
use crate::kernels::vectors::half_square_distance;
use crate::{Anchors, Real};

/// Pairs nearer than this, relative to their norms, are measured by their differences: of them a Gram matrix loses digits that
/// the logits need, which hold these distances times `tau^2`. All others keep theirs, since `tau` is small where they count.
pub(crate) const NEAR: f64 = 0.02;

/// Writes `|a_j - a_b|^2 / 2` for the anchors `b` of `bases` against all anchors, `[bases, N]`; exactly 0 where two anchors are in
/// the same place.
pub(crate) fn half_distances<F: Real>(anchors: &Anchors<F>, bases: &[usize], mut out: ArrayViewMut2<'_, F>) {
    let squares = anchors.half_squares();
    product(anchors.centred().select(Axis(0), bases).view(), anchors.centred().t(), out.view_mut());
    for (mut row, &base) in out.rows_mut().into_iter().zip(bases) {
        let (own, near) = (squares[base], F::of(NEAR));
        for (j, (half, square)) in row.iter_mut().zip(squares).enumerate() {
            let sum = own + *square;
            let plain = sum - *half;
            let is_near = plain < near * sum;
            *half = if is_near { F::of(half_square_distance(anchors.point(base), anchors.point(j))) } else { plain };
        }
    }
}
