//! The Gaussian that a Fréchet distance sees.

use ndarray::{Array1, Array2};

/// Mean and covariance of features.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// The number of samples, if known.
    pub count: Option<u64>,
    /// `[d]`.
    pub mean: Array1<f64>,
    /// `[d, d]`, divided by the number of samples less one.
    pub covariance: Array2<f64>,
}
