//! What can go wrong with a run folder.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// An error of a run folder. The message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The folder cannot be made or written.
    #[error("cannot write the run folder {}: {source}; choose a folder that you may write to", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder holds files, but no run.
    #[error("{} is not empty and holds no run (no config.toml); choose a new folder", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds no run.
    #[error("{} is not a run folder: it has no config.toml; give the folder that `lzn train` wrote", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds a run with another configuration.
    #[error(
        "{} holds a run with another configuration{} (its digest is {theirs}, this one's is {ours}); \
         go on with that run as it is by `lzn resume {}`, or choose a new folder",
        path.display(),
        listed(differences),
        path.display()
    )]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// Digest of the configuration in the folder.
        theirs: String,
        /// Digest of the configuration that was asked for.
        ours: String,
        /// One clause for each key in which the two differ.
        differences: Vec<String>,
    },
    /// A live process writes to the folder.
    #[error(
        "the run folder {} is in use by {holder}; wait until that process ends or stop it, or choose another folder",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Process id and host, as the holder wrote them down.
        holder: String,
    },
    /// No room is left on the disk.
    #[error(
        "no space left on the disk while writing {}; nothing that was saved before is lost: free some space, \
         then go on with `lzn resume`",
        path.display()
    )]
    DiskFull {
        /// The file or folder that was being written.
        path: PathBuf,
        /// What the system says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file of a checkpoint could not be written, for another reason than a full disk.
    #[error("cannot write {}: {source}; the checkpoints before it are kept", path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// What its writer says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A checkpoint belongs to another configuration.
    #[error(
        "the checkpoint {} was saved with another configuration (its digest is {theirs}, this run's is {ours}); \
         resume with the configuration that it was saved with, or train in a new folder",
        path.display()
    )]
    OtherConfig {
        /// The checkpoint.
        path: PathBuf,
        /// Digest in the checkpoint.
        theirs: String,
        /// Digest of this run.
        ours: String,
    },
    /// There are checkpoints, but not one that can be used.
    #[error(
        "no checkpoint in {} can be used: {}; remove that folder to begin again at the first step",
        path.display(),
        problems.join("; ")
    )]
    NoneUsable {
        /// The folder of the checkpoints.
        path: PathBuf,
        /// One sentence for each checkpoint.
        problems: Vec<String>,
    },
    /// The name of a file in a checkpoint, or of a recorded value, is not allowed.
    #[error("`{name}` cannot be used as a {what}: {reason}")]
    Name {
        /// What is being named.
        what: &'static str,
        /// The name.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A record is not readable.
    #[error("{} line {line}: {reason}; repair or remove that line", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes that were to be recorded as a picture are not a PNG file.
    #[error("the picture `{tag}` is not a PNG file")]
    NotPng {
        /// Name of the picture.
        tag: String,
    },
    /// The system refused a handler for a signal.
    #[error("cannot listen to signals: {source}")]
    Signal {
        /// What the system says.
        source: io::Error,
    },
    /// Work was given up because the run was asked to stop.
    #[error("interrupted: the run was asked to stop")]
    Interrupted,
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The first few differences, after a colon.
fn listed(differences: &[String]) -> String {
    const FEW: usize = 4;
    let first = differences.iter().take(FEW).map(String::as_str).collect::<Vec<_>>().join(", ");
    match differences.len() {
        0 => String::new(),
        count if count > FEW => format!(": {first} and {} more", count - FEW),
        _ => format!(": {first}"),
    }
}

impl RunError {
    /// Whether it is the disk that refuses: trying again later may succeed.
    #[must_use]
    pub fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Unwritable { .. } | Self::DiskFull { .. } | Self::Save { .. } | Self::Io { .. })
    }

    /// Returns a converter for errors of the system at `path`: a full disk becomes [`RunError::DiskFull`].
    pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path: path.to_owned(), source: source.into() }
            }
            _ => Self::Io { path: path.to_owned(), source },
        }
    }

    /// Converts the error of a caller's writer, which may hide a full disk anywhere in its chain of causes.
    pub(crate) fn save(path: &Path, source: Box<dyn Error + Send + Sync>) -> Self {
        let path = path.to_owned();
        if is_disk_full(&*source) { Self::DiskFull { path, source } } else { Self::Save { path, source } }
    }
}

/// Whether the chain of causes of `error` ends in a full disk or an exhausted quota.
fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // An `io::Error` around a custom error does not show itself, only that error's own cause, in `source`.
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                return true;
            }
            if io.get_ref().is_some_and(|inner| is_disk_full(inner)) {
                return true;
            }
        }
        cause = error.source();
    }
    false
}
