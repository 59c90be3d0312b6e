//! What can go wrong in this crate.

use lzn_torch::nn::NetworkError;

/// An error of an encoder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// A network cannot be built, or cannot take what it is given.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The tensor library or the tensor bridge refused an operation.
    #[error(transparent)]
    Torch(#[from] lzn_torch::TorchError),
}
