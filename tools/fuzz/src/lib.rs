//! Damaged files for every reader of the workspace, on a stable compiler without sanitizers.
//!
//! A [`Target`] has valid files, its seeds, and reads what becomes of them. [`Mutator`] changes them: bits, numbers and lengths at the ends of their
//! ranges, pieces cut out, repeated or taken from another file. Where a checksum would refuse every change before the reader sees it, the seed is what
//! lies inside, and an [`Envelope`] (gzip, an archive, a tar file's sums) is put around it afterwards. Inputs that a reader answers in a
//! new way join the seeds, so the search goes deeper without instrumented code.
//!
//! A panic, an abort, memory far beyond the size of the input, and an input that takes seconds are findings; the input is
//! saved. Input `n` of a target follows from the seed and what was kept before it, so a run of equal length repeats.
//!
//! ```sh
//! cargo run -p lzn-fuzz -- all --seconds 600          # ten minutes a reader
//! cargo run -p lzn-fuzz -- pt --seconds 30 --seed 7
//! cargo run -p lzn-fuzz -- --reproduce findings/pt-panic-1a2b3c4d pt
//! ```

mod envelope;
mod hunt;
mod meter;
mod mutate;
mod target;
pub mod targets;

pub use envelope::Envelope;
pub use hunt::{Budget, Finding, Report, hunt, try_once};
pub use lzn_meter::Counting;
pub use mutate::Mutator;
pub use target::{Seed, Target};
