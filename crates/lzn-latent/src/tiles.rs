//! Rows in tiles, tiles on threads, with the same result however many threads there are.

use std::ops::Range;

use ndarray::{Array2, ArrayViewMut2, Axis};
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

/// `work` on every item with something that collects; returns the sum of what was collected.
///
/// The items are dealt to lanes, each with a collector of its own, and lanes are added in pairs. How many there are depends on
/// sizes alone, so the order of additions does not depend on the number of threads; and since a pair is added as soon as both
/// are there, few collectors exist at once. `size` is the number of elements of a collector. Every lane also has scratch memory,
/// which is gone when it ends.
pub(crate) fn collect<T: Send, S: Collect, M: Default>(
    parallel: Parallel,
    items: Vec<T>,
    size: usize,
    new: impl Fn() -> S + Sync,
    work: impl Fn(T, &mut S, &mut M) + Sync,
) -> S {
    let count = (COLLECTED / size.max(1)).clamp(LANES.0, LANES.1).min(items.len()).max(1);
    let mut lanes: Vec<Vec<T>> = (0..count).map(|_| Vec::new()).collect();
    items.into_iter().enumerate().for_each(|(i, item)| lanes[i % count].push(item));
    let run = |lane: Vec<T>| {
        let (mut sink, mut scratch) = (new(), M::default());
        lane.into_iter().for_each(|item| work(item, &mut sink, &mut scratch));
        sink
    };
    add_up(parallel, lanes, &run)
}

fn add_up<T: Send, S: Collect>(parallel: Parallel, mut lanes: Vec<Vec<T>>, run: &(impl Fn(Vec<T>) -> S + Sync)) -> S {
    if lanes.len() < 2 {
        return run(lanes.pop().unwrap_or_default());
    }
    let others = lanes.split_off(lanes.len() / 2);
    let (mut sum, other) = match parallel {
        #[cfg(feature = "rayon")]
        Parallel::Rayon => rayon::join(|| add_up(parallel, lanes, run), || add_up(parallel, others, run)),
        _ => (add_up(parallel, lanes, run), add_up(parallel, others, run)),
    };
    sum.add(other);
    sum
}

/// Cuts `all` into consecutive parts of `counts` rows.
pub(crate) fn split<F>(all: &mut Array2<F>, counts: impl Iterator<Item = usize>) -> Vec<ArrayViewMut2<'_, F>> {
    let mut parts = Vec::new();
    let mut rest = all.view_mut();
    for count in counts {
        let (part, others) = rest.split_at(Axis(0), count);
        parts.push(part);
        rest = others;
    }
    parts
}

/// What a lane collects.
pub(crate) trait Collect: Send {
    /// Adds what another lane has collected.
    fn add(&mut self, other: Self);
}
