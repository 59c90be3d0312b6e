//! How much memory and processor time one input takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The allocator of the system, counted. A program makes it its own with `#[global_allocator]`; without that nothing is counted.
#[derive(Debug, Clone, Copy)]
pub struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn add(bytes: usize) {
    let now = NOW.fetch_add(bytes, Relaxed).wrapping_add(bytes);
    MOST.fetch_max(now, Relaxed);
}

// SAFETY: every call goes to `System` as it came; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both exist for a moment if the block has to move.
        add(size);
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// A measurement that is under way.
#[derive(Debug)]
pub(crate) struct Meter {
    base: usize,
    processor: Option<Duration>,
    wall: Instant,
}

impl Meter {
    pub(crate) fn start() -> Self {
        let base = NOW.load(Relaxed);
        MOST.store(base, Relaxed);
        Self { base, processor: processor_time(), wall: Instant::now() }
    }

    /// Most bytes that were allocated at once, beyond those at the start.
    pub(crate) fn most_bytes(&self) -> usize {
        MOST.load(Relaxed).saturating_sub(self.base)
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
