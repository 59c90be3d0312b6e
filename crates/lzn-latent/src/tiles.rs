//! Rows in tiles, tiles on threads, with the same result however many threads there are.

use std::ops::Range;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::adjoint::Sink;
use crate::{Anchors, Parallel, Real};

/// Rows of a tile: large enough for matrix products, small enough that its weights stay in the cache.
const TILE: usize = 128;

/// Tiles whose gradients are held at once before they are added up. Fixed, so that the order of additions does not depend
/// on the number of threads.
const GROUP: usize = 16;

/// The tiles of `rows` rows, in order.
pub(crate) fn ranges(rows: usize) -> Vec<Range<usize>> {
    (0..rows).step_by(TILE).map(|start| start..(start + TILE).min(rows)).collect()
}

/// `work` on every item, results in order.
pub(crate) fn map<T: Send + Sync, R: Send>(
    parallel: Parallel,
    items: &[T],
    work: impl Fn(&T) -> R + Send + Sync,
) -> Vec<R> {
    match parallel {
        Parallel::No => items.iter().map(work).collect(),
        Parallel::Rayon => (0..items.len()).into_par_iter().map(|i| work(&items[i])).collect(),
    }
}

/// `work` on every item with a sink of its own; returns the sum of the sinks and the results in order.
pub(crate) fn map_collecting<F: Real, T: Send + Sync, R: Send>(
    parallel: Parallel,
    items: &[T],
    anchors: &Anchors<F>,
    work: impl Fn(&T, &mut Sink<F>) -> R + Send + Sync,
) -> (Sink<F>, Vec<R>) {
    let mut total = Sink::new(anchors);
    let mut results = Vec::with_capacity(items.len());
    for group in items.chunks(GROUP) {
        let parts = map(parallel, group, |item| {
            let mut sink = Sink::new(anchors);
            let result = work(item, &mut sink);
            (sink, result)
        });
        for (sink, result) in parts {
            total.add(&sink);
            results.push(result);
        }
    }
    (total, results)
}
