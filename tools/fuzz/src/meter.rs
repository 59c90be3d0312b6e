//! How much memory and processor time one input takes.

use std::time::{Duration, Instant};

use lzn_meter::Counting;

/// A measurement that is under way.
#[derive(Debug)]
pub(crate) struct Meter {
    base: usize,
    processor: Option<Duration>,
    wall: Instant,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { base: Counting::start(), processor: processor_time(), wall: Instant::now() }
    }

    /// Most bytes that were allocated at once, beyond those at the start.
    pub(crate) fn most_bytes(&self) -> usize {
        Counting::most().saturating_sub(self.base)
    }

    /// Time of this thread on a processor; where the system does not tell, time on the wall.
    pub(crate) fn time(&self) -> Duration {
        match (self.processor, processor_time()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => self.wall.elapsed(),
        }
    }
}

/// Linux counts it in nanoseconds. On a busy machine the time on the wall says little about the reader.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
