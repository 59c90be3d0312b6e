//! Rows in tiles, tiles on threads, with the same result however many threads there are.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, ArrayViewMut2, Axis};
#[cfg(feature = "rayon")]
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::point::Scratch;
use crate::sink::Sink;
use crate::{Anchors, Parallel, Real};

/// Parts of all rows that are a tile each, so that what tiles need is little beside what is kept for all rows.
const PARTS: usize = 32;
/// Elements of a tile's weights at most, so that they stay in the cache that all threads share.
const ELEMENTS: usize = 9 << 17;
/// Tiles have multiples of this many rows: matrix products of so many, also where two threads share a tile, are the fastest.
const ROWS: usize = 48;
/// Rows of a tile at most; more would not make matrix products faster.
const MOST: usize = 4 * ROWS;
/// Rows of a tile where there are few in all: threads get even shares of them, and scratch memory stays a small part of all.
const OF_FEW: usize = 32;
/// Rows that are no longer few.
const MANY: usize = 2048;

/// Elements of the collectors of all lanes, so that adding them up costs little.
const COLLECTED: usize = 1 << 21;
/// Lanes at least where there is enough to do, and at most.
const LANES: (usize, usize) = (8, 64);
/// Elements of a collector from which on all threads share one, and the work on one tile: several would take as much memory as all that
/// is kept for gradients, and leave no room in the cache.
const SHARED: usize = 1 << 20;

/// The tiles of `rows` rows against `anchors` anchors, in order.
pub(crate) fn ranges(rows: usize, anchors: usize) -> Vec<Range<usize>> {
    let most = (rows / PARTS).min(ELEMENTS / anchors) / ROWS * ROWS;
    let tile = if rows < MANY { OF_FEW } else { most.clamp(ROWS, MOST) };
    (0..rows).step_by(tile).map(|start| start..(start + tile).min(rows)).collect()
}

/// Threads at hand.
fn threads(parallel: Parallel) -> usize {
    match parallel {
        #[cfg(feature = "rayon")]
        Parallel::Rayon => rayon::current_num_threads(),
        _ => 1,
    }
}

/// How long parts of `count` things are, one for each thread, in multiples of `unit`; at least one.
pub(crate) fn part(parallel: Parallel, count: usize, unit: usize) -> usize {
    count.div_ceil(threads(parallel)).max(1).next_multiple_of(unit)
}

/// `work` on every item, results in order.
pub(crate) fn map<T: Send, R: Send>(parallel: Parallel, items: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    match parallel {
        #[cfg(feature = "rayon")]
        Parallel::Rayon => items.into_par_iter().map(work).collect(),
        _ => items.into_iter().map(work).collect(),
    }
}

/// `work` on every item with a sink; returns the sum of what was collected.
///
/// Of large sinks there is one, and threads share each item. Otherwise items are dealt to lanes, each with a sink of its own, and lanes
/// are added in their order. How many there are depends on sizes alone, so the order of additions does not depend on the number of
/// threads; and since a lane begins when a thread is free for it and is added as soon as those before it are, few sinks exist at once:
/// one per thread, and the sum. Every lane also has scratch memory, which is gone when it ends.
pub(crate) fn collect<T: Send, F: Real>(
    parallel: Parallel,
    anchors: &Anchors<F>,
    items: Vec<T>,
    work: impl Fn(T, &mut Sink<F>, &mut Scratch<F>) + Sync,
) -> Sink<F> {
    let run = |lane: Vec<T>, parallel: Parallel| {
        let (mut sink, mut scratch) = (Sink::new(anchors), Scratch::new(parallel));
        lane.into_iter().for_each(|item| work(item, &mut sink, &mut scratch));
        sink
    };
    let size = anchors.len() * anchors.dim();
    if size > SHARED {
        return run(items, parallel);
    }
    let count = (COLLECTED / size.max(1)).clamp(LANES.0, LANES.1).min(items.len()).max(1);
    let mut lanes: Vec<Vec<T>> = (0..count).map(|_| Vec::new()).collect();
    items.into_iter().enumerate().for_each(|(i, item)| lanes[i % count].push(item));
    let (queue, sum) = (Mutex::new(lanes.into_iter().enumerate()), Mutex::new(Sum::default()));
    let work_off = || {
        let next = || lock(&queue).next();
        while let Some((place, lane)) = next() {
            let sink = run(lane, Parallel::No);
            lock(&sum).add(place, sink);
        }
    };
    match parallel {
        #[cfg(feature = "rayon")]
        Parallel::Rayon => rayon::scope(|scope| {
            (0..threads(parallel).min(count)).for_each(|_| scope.spawn(|_| work_off()));
        }),
        _ => work_off(),
    }
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.total.unwrap_or_else(|| Sink::new(anchors))
}

/// Lanes that have been added in their order, and those that wait for one before them.
struct Sum<F> {
    total: Option<Sink<F>>,
    added: usize,
    waiting: BTreeMap<usize, Sink<F>>,
}

impl<F> Default for Sum<F> {
    fn default() -> Self {
        Self { total: None, added: 0, waiting: BTreeMap::new() }
    }
}

impl<F: Real> Sum<F> {
    fn add(&mut self, place: usize, sink: Sink<F>) {
        self.waiting.insert(place, sink);
        while let Some(next) = self.waiting.remove(&self.added) {
            match &mut self.total {
                Some(total) => *total += next,
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
