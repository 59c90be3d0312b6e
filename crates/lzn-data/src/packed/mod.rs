//! Decoded images in one file that is mapped into memory: epochs are not bound by decoding.

mod fingerprint;
mod format;
mod map;
mod read;
mod write;

pub use read::{PackedImages, PackedInfo};
pub use write::{PackOptions, PackReport, pack};

/// Whether a file begins as packed files do.
pub(crate) fn is_packed(path: &std::path::Path) -> bool {
    use std::io::Read;
    let mut start = [0; format::MAGIC.len()];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *format::MAGIC
}
