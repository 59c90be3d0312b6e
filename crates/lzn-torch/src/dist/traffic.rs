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
    /// Time in them, most of it waiting for others. Exchanges that run beside a backward pass are not in it.
    pub time: Duration,
}

/// Counters of [`Traffic`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Counters {
    /// Counts one call.
    pub(super) fn count<T>(&self, bytes: usize, call: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = call();
        let add = |counter: &AtomicU64, value: u64| counter.fetch_add(value, Ordering::Relaxed);
        add(&self.calls, 1);
        add(&self.bytes, bytes as u64);
        add(&self.nanoseconds, u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
        result
    }

    /// Adds bytes that another engine moves.
    pub(super) fn moved(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Traffic {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic { calls: of(&self.calls), bytes: of(&self.bytes), time: Duration::from_nanos(of(&self.nanoseconds)) }
    }
}
