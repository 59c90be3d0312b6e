//! What can go wrong in this crate.

/// An error of the bridge to libtorch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// Tensors do not fit the parameters of a network.
    #[error("the weights do not fit the network: {}", problems.join("; "))]
    Weights {
        /// One sentence for each tensor that does not fit.
        problems: Vec<String>,
    },
    /// A tensor does not have the shape that an operation needs.
    #[error("{operation}: `{argument}` has shape {got:?}, expected {expected}")]
    Shape {
        /// The operation that refused.
        operation: &'static str,
        /// The name of the argument.
        argument: &'static str,
        /// The shape that was needed, in words or letters.
        expected: String,
        /// The shape that came.
        got: Vec<i64>,
    },
    /// A flow or its arguments are not valid.
    #[error(transparent)]
    Latent(#[from] lzn_latent::LatentError),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// Processes that work together failed in it.
    #[error(transparent)]
    Dist(#[from] crate::dist::DistError),
    /// An operation with a backward pass of its own broke a rule, or that pass failed.
    #[error("{operation}: {problem}")]
    Autograd {
        /// The operation.
        operation: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A tensor is no longer what the forward pass saw, so the gradient would be wrong.
    #[error(
        "`{argument}` was changed in place after the forward pass that needs it again for the gradient: change a copy"
    )]
    Changed {
        /// The name of the tensor.
        argument: &'static str,
    },
    /// A file could not be read or written.
    #[error("{}: {}", path.display(), said(source))]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not a valid safetensors file.
    #[error("{}: damaged, or no safetensors file: {reason}; copy it again, or give another file", path.display())]
    Format {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

fn said(source: &std::io::Error) -> String {
    match source.kind() {
        std::io::ErrorKind::NotFound => format!("{source}; check the name"),
        _ => source.to_string(),
    }
}
