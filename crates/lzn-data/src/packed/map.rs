//! A file in memory. The one place of this crate where the compiler cannot see that all is well.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::DataError;

/// The bytes of a whole file, read from the disk as they are looked at.
#[derive(Debug)]
pub(super) struct Map {
    bytes: Mmap,
    /// Kept open for its lock.
    _file: File,
}

impl Map {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |source| crate::decode::io_error(path, source, "make it with `lzn data pack`");
        let file = File::open(path).map_err(failed)?;
        // Asked for, not insisted on: some network file systems have no locks.
        let _ = file.try_lock_shared();
        // SAFETY: the bytes of a map may not change while a slice of them lives. The map is private and read-only, so nobody
        // changes them through this process. `pack` never writes to a file that has its final name: it writes another, beside it, and
        // renames that; the file that is mapped here then lives on without a name. Other programs are told by the lock to leave it
        // alone. If one changes the file nevertheless, what is read are bytes, of which every value is a valid pixel, that fail their
        // checksum; if one shortens it, the system ends this process with a signal.
        let bytes = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Self { bytes, _file: file })
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
