//! Matrix products of one tile, shared by threads.
//!
//! They are cut where no sum crosses the cut, so results do not depend on the number of threads.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use crate::kernels::gemm;
use crate::kernels::panels::{Panels, WIDTH};
use crate::tiles::{map, part};
use crate::{Parallel, Real};

/// Rows that the innermost loops of `gemm` multiply together. A part has no fewer: each goes over all anchors.
const ROWS: usize = 8;

/// `out = a b` for `a [r, d]` and `b [d, N]`.
pub(crate) fn product<F: Real>(parallel: Parallel, a: ArrayView2<'_, F>, b: &Panels<F>, mut out: ArrayViewMut2<'_, F>) {
    let columns = part(parallel, out.ncols(), WIDTH);
    let parts: Vec<_> = out.axis_chunks_iter_mut(Axis(1), columns).enumerate().collect();
    map(parallel, parts, |(i, out)| b.product(i * columns, a, out));
}

/// `out += a b` for `a [r, N]` and `b [N, d]`.
pub(crate) fn add_product<F: Real>(
    parallel: Parallel,
    a: ArrayView2<'_, F>,
    b: ArrayView2<'_, F>,
    mut out: ArrayViewMut2<'_, F>,
) {
    let rows = part(parallel, a.nrows(), ROWS);
    let parts = a.axis_chunks_iter(Axis(0), rows).zip(out.axis_chunks_iter_mut(Axis(0), rows));
    map(parallel, parts.collect(), |(a, out)| gemm::add_product(a, b, out));
}
