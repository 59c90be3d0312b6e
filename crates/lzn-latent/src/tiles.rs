//! Rows in tiles, tiles on threads, with the same result however many threads there are.

use std::ops::Range;

#[cfg(feature = "rayon")]
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::Parallel;

/// Rows of a tile, for few and for many rows in all: enough for matrix products to reach their speed, and for as many tiles as
/// threads.
const ROWS: (usize, usize) = (128, 256);
/// Elements of a tile's weights at most, so that they stay in the cache.
const ELEMENTS: usize = 1 << 20;
/// Rows of a tile at least.
const FEWEST: usize = 32;

/// Elements that all lanes may collect gradients in together.
const COLLECTED: usize = 1 << 22;
/// Lanes at least where there is enough to do, and at most.
const LANES: (usize, usize) = (8, 64);

/// The tiles of `rows` rows against `anchors` anchors, in order.
pub(crate) fn ranges(rows: usize, anchors: usize) -> Vec<Range<usize>> {
    let tile = (ELEMENTS / anchors).clamp(FEWEST, (rows / 8).clamp(ROWS.0, ROWS.1));
    (0..rows).step_by(tile).map(|start| start..(start + tile).min(rows)).collect()
}

/// `work` on every item, results in order.
pub(crate) fn map<T: Send, R: Send>(parallel: Parallel, items: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    match parallel {
        #[cfg(feature = "rayon")]
        Parallel::Rayon => items.into_par_iter().map(work).collect(),
        _ => items.into_iter().map(work).collect(),
    }
}

/// `work` on every item with something that collects; returns the sum of what was collected and the results in order.
///
/// The items are dealt to lanes, each with a collector of its own, whose number depends on sizes alone: the order of
/// additions does not depend on the number of threads. `size` is the number of elements of a collector. Every lane also has
/// scratch memory, which is gone when it ends.
pub(crate) fn map_collecting<T: Sync, R: Send, S: Collect, M: Default>(
    parallel: Parallel,
    items: &[T],
    size: usize,
    new: impl Fn() -> S + Send + Sync,
    work: impl Fn(&T, &mut S, &mut M) -> R + Send + Sync,
) -> (S, Vec<R>) {
    let lanes = (COLLECTED / size.max(1)).clamp(LANES.0, LANES.1).min(items.len()).max(1);
    let parts = map(parallel, (0..lanes).collect(), |lane| {
        let (mut sink, mut scratch) = (new(), M::default());
        let items = items.iter().skip(lane).step_by(lanes);
        let results: Vec<R> = items.map(|item| work(item, &mut sink, &mut scratch)).collect();
        (sink, results)
    });
    let mut total: Option<S> = None;
    let mut results: Vec<_> = Vec::with_capacity(lanes);
    for (sink, part) in parts {
        match &mut total {
            Some(total) => total.add(sink),
            None => total = Some(sink),
        }
        results.push(part.into_iter());
    }
    let in_order = (0..items.len()).filter_map(|i| results[i % lanes].next()).collect();
    (total.unwrap_or_else(new), in_order)
}

/// What a lane collects.
pub(crate) trait Collect: Send {
    /// Adds what another lane has collected.
    fn add(&mut self, other: Self);
}
