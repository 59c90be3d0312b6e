//! What can go wrong between processes.

use std::time::Duration;

/// An error of processes that work together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DistError {
    /// A variable that a launcher sets is missing or wrong.
    #[error("{name} {problem}; torchrun sets it, as `lzn train --processes` does")]
    Variable {
        /// The environment variable.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The processes did not find each other.
    #[error(
        "worker {rank} of {size} could not join the others at {address} within {} s: {message}; check that all workers were started, and that \
         MASTER_ADDR and MASTER_PORT are those of worker 0 and can be reached from here",
        limit.as_secs_f64()
    )]
    Join {
        /// This process.
        rank: usize,
        /// How many there should be.
        size: usize,
        /// Where worker 0 was looked for.
        address: String,
        /// How long.
        limit: Duration,
        /// What libtorch says.
        message: String,
    },
    /// A call that several processes make together has failed.
    #[error("worker {rank} of {size}: {operation}: {}: {message}; {}", kind.what(), kind.remedy())]
    Failed {
        /// What they were doing.
        operation: &'static str,
        /// This process.
        rank: usize,
        /// How many there are.
        size: usize,
        /// What kind of failure.
        kind: FailureKind,
        /// What libtorch says.
        message: String,
    },
    /// A tensor that cannot be sent.
    #[error("{operation}: {problem}")]
    Refused {
        /// What was to be done with it.
        operation: &'static str,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// Processes are about to do different things.
    #[error("{operation}: {problem}: all workers must make the same calls in the same order")]
    Apart {
        /// What this process is about to do.
        operation: &'static str,
        /// What another is about to do.
        problem: String,
    },
    /// Tensors of CUDA devices cannot be sent by this program.
    #[error(
        "tensors of a CUDA device are exchanged with NCCL, which this program was built without: build with `--features nccl`, or train \
         with `--device cpu`"
    )]
    NoNccl,
}

/// Why a call of several processes has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// Another process did not do its part within the time limit.
    Timeout,
    /// The connection to another process is gone, as when it has ended.
    Peer,
    /// The store through which processes find each other.
    Store,
    /// The library that moves the data.
    Backend,
    /// Anything else.
    Other,
}

impl FailureKind {
    /// From the number that the C++ half gives, or from the text where gloo throws nothing more exact.
    pub(super) fn of(number: i32, message: &str) -> Self {
        let says = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
        match number {
            1 => Self::Timeout,
            _ if says(&["imed out", "imeout"]) => Self::Timeout,
            _ if says(&["by peer", "Connection", "Broken pipe", "Socket"]) => Self::Peer,
            2 => Self::Peer,
            3 => Self::Store,
            4 => Self::Backend,
            _ => Self::Other,
        }
    }

    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Timeout => "another worker did not do its part within the time limit",
            Self::Peer => "another worker has gone",
            Self::Store => "the store of the workers failed",
            Self::Backend => "the exchange of data failed",
            Self::Other => "libtorch refused",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Timeout => "look for a worker that hangs or is much slower, then start all of them again",
            Self::Peer => "look for the first error of the others, then start all of them again",
            Self::Store | Self::Backend => "check network and devices, then start all of them again",
            Self::Other => "all workers must make the same calls with tensors of the same shape and kind",
        }
    }
}
