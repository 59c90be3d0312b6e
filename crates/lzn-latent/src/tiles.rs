//! Rows in tiles, tiles on threads, with the same result however many threads there are.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, ArrayViewMut2, Axis};
#[cfg(feature = "rayon")]
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::Parallel;

/// Parts of all rows that are a tile each, so that what tiles need is little beside what is kept for all rows.
const PARTS: usize = 32;
/// Rows of a tile at most; more would not make matrix products faster.
const MOST: usize = 256;
/// Elements of a tile's weights at most, so that they stay in the cache.
const ELEMENTS: usize = 1 << 20;
/// Rows of a tile at least: fewer would make matrix products slower.
const FEWEST: usize = 32;

/// Elements of the collectors of all lanes, so that adding them up costs little.
const COLLECTED: usize = 1 << 21;
/// Lanes at least where there is enough to do, and at most.
const LANES: (usize, usize) = (8, 64);

/// The tiles of `rows` rows against `anchors` anchors, in order.
pub(crate) fn ranges(rows: usize, anchors: usize) -> Vec<Range<usize>> {
    let tile = (rows / PARTS).min(ELEMENTS / anchors).clamp(FEWEST, MOST);
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
/// The items are dealt to lanes, each with a collector of its own, and lanes are added in their order. How many there are depends
/// on sizes alone, so the order of additions does not depend on the number of threads; and since a lane begins when a thread is
/// free for it and is added as soon as those before it are, few collectors exist at once: one per thread, and the sum. `size` is
/// the number of elements of a collector. Every lane also has scratch memory, which is gone when it ends.
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
    let (queue, sum) = (Mutex::new(lanes.into_iter().enumerate()), Mutex::new(Sum::default()));
    let work_off = || {
        let next = || lock(&queue).next();
        while let Some((place, lane)) = next() {
            let sink = run(lane);
            lock(&sum).add(place, sink);
        }
    };
    match parallel {
        #[cfg(feature = "rayon")]
        Parallel::Rayon => rayon::scope(|scope| {
            (0..rayon::current_num_threads().min(count)).for_each(|_| scope.spawn(|_| work_off()));
        }),
        _ => work_off(),
    }
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.total.unwrap_or_else(new)
}

/// Lanes that have been added in their order, and those that wait for one before them.
struct Sum<S> {
    total: Option<S>,
    added: usize,
    waiting: BTreeMap<usize, S>,
}

impl<S> Default for Sum<S> {
    fn default() -> Self {
        Self { total: None, added: 0, waiting: BTreeMap::new() }
    }
}

impl<S: Collect> Sum<S> {
    fn add(&mut self, place: usize, sink: S) {
        self.waiting.insert(place, sink);
        while let Some(next) = self.waiting.remove(&self.added) {
            match &mut self.total {
                Some(total) => total.add(next),
                None => self.total = Some(next),
            }
            self.added += 1;
        }
    }
}

/// A thread that panicked ends the whole, so what it held does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
