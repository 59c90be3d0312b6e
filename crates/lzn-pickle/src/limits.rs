//! How much a file may ask for.

/// Bounds that hold before anything is trusted. The memory of tensors needs none: it lies in the file as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest pickle, in bytes. That of a network of 300 tensors with optimizer and averages has 130 kB.
    pub pickle_bytes: u64,
    /// Values and places for values in tables and lists, all together.
    pub values: usize,
    /// Containers within containers.
    pub depth: usize,
    /// Entries of the archive.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pickle_bytes: 16 << 20, values: 1 << 20, depth: 32, entries: 100_000 }
    }
}
