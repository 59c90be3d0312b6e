//! How long a thread has been in zone operations.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Time that this thread has spent in operations of [`zones`](super) on tensors in main memory, backward passes included: these run
/// on the thread that asks for them. Operations on tensors elsewhere are not counted, since the host would have to wait for them.
pub fn time_spent() -> Duration {
    SPENT.get()
}

/// Counts the time of `work`.
pub(super) fn counted<T>(work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = work();
    SPENT.set(SPENT.get() + begin.elapsed());
    result
}
