//! How much processes exchange, and how long they wait for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What collectives have moved and cost in one process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Calls.
    pub calls: u64,
    /// Bytes of the tensors that this process gave to them. What crosses the network depends on the algorithm: a ring moves about
    /// twice as many in an all-reduce, and one share for each other process in a gather.
    pub bytes: u64,
    /// Time in them, most of it waiting for others. Exchanges of gradients that run beside a backward pass are not in it.
    pub time: Duration,
    /// The part of it that was spent in gathers of rows, and in scatters of their gradients.
    pub gathers: Duration,
    /// The part of it that was spent in waiting for averages of gradients.
    pub gradients: Duration,
}

/// Counters of [`Traffic`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
    of_gathers: AtomicU64,
    of_gradients: AtomicU64,
}

impl Counters {
    /// Counts one call, which gathers or scatters rows or does something else.
    pub(super) fn count<T>(&self, bytes: usize, of_rows: bool, call: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = call();
        let time = nanoseconds(begin.elapsed());
        add(&self.calls, 1);
        add(&self.bytes, bytes as u64);
        add(&self.nanoseconds, time);
        add(&self.of_gathers, if of_rows { time } else { 0 });
        result
    }

    /// Counts time in which averages of gradients were waited for.
    pub(super) fn waited_for_gradients(&self, time: Duration) {
        add(&self.nanoseconds, nanoseconds(time));
        add(&self.of_gradients, nanoseconds(time));
    }

    /// Adds bytes that another engine moves.
    pub(super) fn moved(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Traffic {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = |counter: &AtomicU64| Duration::from_nanos(of(counter));
        Traffic {
            calls: of(&self.calls),
            bytes: of(&self.bytes),
            time: time(&self.nanoseconds),
            gathers: time(&self.of_gathers),
            gradients: time(&self.of_gradients),
        }
    }
}

fn add(counter: &AtomicU64, value: u64) {
    counter.fetch_add(value, Ordering::Relaxed);
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
