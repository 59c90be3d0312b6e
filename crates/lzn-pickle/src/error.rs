//! What can go wrong in this crate.

use std::path::{Path, PathBuf};

/// Why a file was not read. The message alone names the file and the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PtError {
    /// The system does not give the file.
    #[error("{}: cannot be read: {source}; check the name, the permissions and the disk", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is damaged, or holds more than tensors and plain values.
    #[error("{}: refused, and nothing in it was run: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do where something can be done.
        reason: String,
    },
}

impl PtError {
    pub(crate) fn refused(path: &Path) -> impl Fn(String) -> Self + '_ {
        |reason| Self::Refused { path: path.to_owned(), reason }
    }

    pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }
}
