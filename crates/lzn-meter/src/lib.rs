//! How much memory a program takes: what Rust has allocated, and what the kernel has in memory.

mod allocated;
pub mod resident;

pub use allocated::Counting;
