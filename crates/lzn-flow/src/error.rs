//! What can go wrong in this crate.

use lzn_torch::nn::NetworkError;

/// An error of the velocity network, the path or a sampler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// A network cannot be built, or cannot take what it is given.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The tensor library or the tensor bridge refused an operation.
    #[error(transparent)]
    Torch(#[from] lzn_torch::TorchError),
    /// A velocity field of somebody else's has failed, or was told to give up.
    #[error("{0}")]
    Field(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A sampler is not defined with this setting.
    #[error("`{key}` is {got}, but it must {rule}")]
    Setting {
        /// The setting.
        key: &'static str,
        /// Its value.
        got: f64,
        /// What values are allowed, as the end of a sentence.
        rule: &'static str,
    },
    /// The velocity is not a finite number, or grew so fast that the solution is not.
    #[error("the velocity field gives values that are not finite at t = {t}")]
    NotFinite {
        /// Image time at which it was noticed.
        t: f64,
    },
    /// An adaptive solver cannot reach its tolerance.
    #[error(
        "the solver would need steps shorter than float64 resolves at t = {t}; raise `rtol` or `atol`, or use a fixed step"
    )]
    StepTooSmall {
        /// Image time at which it gave up.
        t: f64,
    },
}
