//! A reader under test.

use std::path::Path;

use crate::Envelope;

/// A valid file, or what lies inside one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// What is changed.
    pub bytes: Vec<u8>,
    /// What is put around it afterwards.
    pub envelope: Envelope,
}

impl Seed {
    /// A file that is changed as it is.
    pub fn plain(bytes: Vec<u8>) -> Self {
        Self { bytes, envelope: Envelope::None }
    }

    /// What lies inside of a file whose checksums are right.
    pub fn inside(envelope: Envelope, bytes: Vec<u8>) -> Self {
        Self { bytes, envelope }
    }
}

/// A reader, its valid files, and words of its format.
pub struct Target {
    /// Name on the command line.
    pub name: &'static str,
    /// Valid files.
    pub seeds: fn() -> Vec<Seed>,
    /// Pieces that mean something in the format; written over and into files.
    pub words: &'static [&'static [u8]],
    /// Reads all that the file gives: the refusal in words, or what kind of thing was read. May not panic.
    pub read: fn(&Path) -> String,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}
