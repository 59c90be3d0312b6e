//! Seconds, bytes and floating-point operations.

mod machine;
mod peak;
mod rounds;
mod spread;

pub use lzn_meter::Counting;
pub use machine::product_seconds;
pub use peak::{Peak, answer, peak};
pub use rounds::{Plan, Seconds, rounds};
pub use spread::Spread;

use anyhow::{Context as _, Result};

/// Gives this many threads to rayon and to libtorch, once for the process.
///
/// # Errors
/// If rayon's pool is already in use.
pub fn use_threads(threads: usize) -> Result<()> {
    tch::set_num_threads(i32::try_from(threads).context("so many threads")?);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("threads")
}

/// Threads that the machine runs at once.
#[must_use]
pub fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
