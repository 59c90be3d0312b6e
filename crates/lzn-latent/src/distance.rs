//! Half squared distances between anchors, exact enough for near-duplicates.

use ndarray::{ArrayViewMut1, ArrayViewMut2, Axis};

use crate::kernels::lanes::largest_of;
use crate::kernels::vectorised;
use crate::kernels::vectors::half_square_distance;
use crate::tiles::map;
use crate::{Anchors, Parallel, Real, team};

/// Pairs nearer than this, relative to their norms, are measured by their differences: of them a Gram matrix loses digits that
/// the logits need, which hold these distances times `tau^2`. All others keep theirs, since `tau` is small where they count.
pub(crate) const NEAR: f64 = 0.05;

/// Pairs nearer than a hundredth of the norm: of them products with all anchors are too alike for what differs to be told, so
/// that evaluations look at their differences too.
const DUPLICATE: f64 = 1e-4;

/// Writes `|a_j - a_b|^2 / 2` for the anchors `b` of `bases` against all anchors, `[bases, N]`; exactly 0 where two anchors are in
/// the same place. Returns the near-duplicates of every base, itself and those in its place not among them.
pub(crate) fn half_distances<F: Real>(
    parallel: Parallel,
    anchors: &Anchors<F>,
    bases: &[usize],
    mut out: ArrayViewMut2<'_, F>,
) -> Vec<Vec<usize>> {
    let squares = anchors.half_squares();
    team::product(parallel, anchors.centred().select(Axis(0), bases).view(), anchors.transposed(), out.view_mut());
    let measure = |(mut row, &base): (ArrayViewMut1<'_, F>, &usize)| {
        let row = row.as_slice_mut().unwrap_or_default();
        let nearest = vectorised(
            #[inline(always)]
            || from_products(row, squares, squares[base]),
        );
        if nearest < F::zero() { by_differences(anchors, base, row) } else { Vec::new() }
    };
    map(parallel, out.rows_mut().into_iter().zip(bases).collect(), measure)
}

/// Turns products into half distances; the smallest excess over what counts as near.
#[inline(always)]
fn from_products<F: Real>(row: &mut [F], squares: &[F], own: F) -> F {
    let near = F::of(NEAR);
    for (half, square) in row.iter_mut().zip(squares) {
        *half = own + *square - *half;
    }
    -largest_of(row, squares, |half, square| near * (own + square) - half)
}

/// Measures the near anchors again; returns the near-duplicates. `row` holds the half distances from `base`.
fn by_differences<F: Real>(anchors: &Anchors<F>, base: usize, row: &mut [F]) -> Vec<usize> {
    let (squares, near, duplicate) =
        (anchors.half_squares(), F::of(NEAR), F::of(DUPLICATE) * anchors.half_squares()[base]);
    let mut duplicates = Vec::new();
    for (j, half) in row.iter_mut().enumerate() {
        if *half < near * (squares[base] + squares[j]) {
            *half = F::of(half_square_distance(anchors.point(base), anchors.point(j)));
            if *half < duplicate && *half > F::zero() {
                duplicates.push(j);
            }
        }
    }
    duplicates
}
