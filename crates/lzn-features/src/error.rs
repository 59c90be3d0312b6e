//! What can go wrong in this crate.

use std::path::PathBuf;

/// An error of a feature network. The message says what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// A file could not be read or written.
    #[error("{}: {source}; check the name of the file", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is none of the formats that hold weights, or a damaged one.
    #[error("{}: {reason}; copy it again, or convert it to safetensors", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tensors of a file are not those of a network.
    #[error("{}: the weights do not fit {network}: {}", path.display(), few(problems))]
    Weights {
        /// The file.
        path: PathBuf,
        /// The network.
        network: String,
        /// One sentence for each tensor that does not fit.
        problems: Vec<String>,
    },
    /// A TorchScript module does something else than a feature network.
    #[error("{}: {problem}; a module must take [B, C, H, W] and return [B, D], or a tuple that begins so", path.display())]
    Script {
        /// The file.
        path: PathBuf,
        /// What it does.
        problem: String,
    },
    /// A protocol makes inputs that are larger than any network takes.
    #[error("protocol {protocol}: inputs of {got} pixels on a side, more than {most}; choose a smaller size")]
    Side {
        /// The protocol.
        protocol: String,
        /// The most pixels.
        most: usize,
        /// The pixels that were asked for.
        got: usize,
    },
    /// Images do not fit the protocol of a network.
    #[error(transparent)]
    Images(#[from] lzn_resize::ResizeError),
    /// Inputs of another shape than the network takes.
    #[error("{network} takes inputs of shape {expected:?} after the batch, got {got:?}: make them with its protocol")]
    Inputs {
        /// The network.
        network: String,
        /// Channels, height and width.
        expected: [i64; 3],
        /// The whole shape that came.
        got: Vec<i64>,
    },
    /// Training data or settings of which no network can be made.
    #[error("LeNet: {0}")]
    Training(String),
    /// A file of torch is damaged, or holds more than tensors.
    #[error(transparent)]
    Pickle(#[from] lzn_pickle::PtError),
    /// Parameters or files of tensors.
    #[error(transparent)]
    Torch(#[from] lzn_torch::TorchError),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Libtorch(#[from] tch::TchError),
}

/// The first problems: a file of another network has hundreds.
fn few(problems: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = problems.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match problems.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
