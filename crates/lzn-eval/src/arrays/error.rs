//! What can go wrong with files of arrays.

use std::path::{Path, PathBuf};

/// An error of a `.npy` or `.npz` file. The message names the file, the array and what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The file cannot be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not what its name says, or it is damaged.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An archive lacks an array.
    #[error("{}: there is no array `{key}`; the file has {}", path.display(), list(found))]
    Missing {
        /// The file.
        path: PathBuf,
        /// The array that is asked for.
        key: String,
        /// The arrays that are there.
        found: Vec<String>,
    },
    /// An array is not what it should be.
    #[error("{}: array `{key}` {reason}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// The array.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is to be written cannot be.
    #[error("{}: nothing was written: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with the data.
        reason: String,
    },
}

impl ArrayError {
    /// Wraps an error of the system about `path`.
    pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn format(path: &Path, reason: impl ToString) -> Self {
        Self::Format { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn array(path: &Path, key: &str, reason: impl ToString) -> Self {
        Self::Array { path: path.to_owned(), key: key.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn refused(path: &Path, reason: impl ToString) -> Self {
        Self::Refused { path: path.to_owned(), reason: reason.to_string() }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
