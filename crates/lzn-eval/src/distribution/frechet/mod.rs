//! The Frechet distance between the Gaussians of two sets of features: FID, sFID, FD-DINOv2 and all others named after their
//! features.
//!
//! ```text
//! |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)
//! ```
//!
//! The last trace is the nuclear norm of `F1 F2^T` for any factors `C = F^T F` of the two covariances. Unlike roots of the matrix
//! `C1 C2`, or of its eigenvalues, singular values do not turn the rounding error of a zero into its square root; with fewer
//! rows than dimensions, where most of the values are zero, only this form is exact.

mod extrapolation;
mod factor;
mod nuclear;
#[cfg(test)]
mod tests;

use ndarray::ArrayView2;
use serde::Serialize;

pub use extrapolation::{FrechetExtrapolation, extrapolation_sizes, frechet_extrapolation};

use super::gaussian::Gaussian;
use crate::EvalError;
use factor::Factor;

const OPERATION: &str = "Frechet distance";

/// A set of features as the Frechet distance takes it.
#[derive(Debug, Clone, Copy)]
pub enum FeatureSet<'a> {
    /// The features themselves, `[N, d]`. The better choice where they are at hand: always exact.
    Rows(ArrayView2<'a, f32>),
    /// Their statistics. Where these lack rank (`N <= d`, or features that never change), directions with less variance than rounding
    /// leaves count as having none.
    Gaussian(&'a Gaussian),
}

impl<'a> From<ArrayView2<'a, f32>> for FeatureSet<'a> {
    fn from(rows: ArrayView2<'a, f32>) -> Self {
        Self::Rows(rows)
    }
}

impl<'a> From<&'a Gaussian> for FeatureSet<'a> {
    fn from(gaussian: &'a Gaussian) -> Self {
        Self::Gaussian(gaussian)
    }
}

/// A Frechet distance, and what it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrechetDistance {
    /// The distance, in squared units of the features. Rounding can leave a value slightly below 0 for equal sets.
    pub value: f64,
    /// `|m1 - m2|^2`.
    pub mean_term: f64,
    /// `tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)`.
    pub covariance_term: f64,
    /// Real rows, if known.
    pub n_real: Option<u64>,
    /// Generated rows, if known. The distance of two samples of one distribution falls like `1 / N`: only values of one `N` can be
    /// compared.
    pub n_generated: Option<u64>,
    /// Numbers in a row.
    pub dimension: usize,
    /// Whether the real covariance lacks rank: fewer rows than dimensions, or features that others determine. The distance is
    /// defined all the same, and biased by much.
    pub real_rank_deficient: bool,
    /// The same of the generated covariance.
    pub generated_rank_deficient: bool,
}

impl FrechetDistance {
    /// The value to show: not below 0.
    #[must_use]
    pub fn shown(&self) -> f64 {
        self.value.max(0.0)
    }

    fn between(real: &Factor, generated: &Factor) -> Result<Self, EvalError> {
        let (expected, got) = (real.mean.len(), generated.mean.len());
        if expected != got {
            return Err(EvalError::Dimension { operation: OPERATION, expected, got });
        }
        let mean_term = (&real.mean - &generated.mean).mapv(|x| x * x).sum();
        let covariance_term = real.trace + generated.trace - 2.0 * nuclear::of_product(real, generated)?;
        Ok(Self {
            value: mean_term + covariance_term,
            mean_term,
            covariance_term,
            n_real: real.count,
            n_generated: generated.count,
            dimension: expected,
            real_rank_deficient: !real.full_rank,
            generated_rank_deficient: !generated.full_rank,
        })
    }
}

/// The Frechet distance of two sets, each given as rows `[N, d]` or as a [`Gaussian`].
///
/// With rows, memory is `8 (N + d) d` bytes where `N <= d` or features are linearly dependent, else `24 d^2` and a block.
///
/// # Errors
/// [`EvalError::TooFew`] with fewer than two rows or dimension 0, [`EvalError::NotANumber`] for features that are not finite,
/// [`EvalError::Dimension`] if the sets do not fit, [`EvalError::NoConvergence`] if a decomposition fails.
///
/// # Example
/// ```
/// use lzn_eval::distribution::{Gaussian, frechet_distance};
/// use ndarray::array;
///
/// let real = array![[0.0_f32, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]];
/// let moved = &real + 3.0;
/// let distance = frechet_distance(&Gaussian::of(real.view())?, moved.view())?;
/// assert!((distance.value - 18.0).abs() < 1e-12);
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
pub fn frechet_distance<'a>(
    real: impl Into<FeatureSet<'a>>,
    generated: impl Into<FeatureSet<'a>>,
) -> Result<FrechetDistance, EvalError> {
    FrechetDistance::between(&Factor::of(real.into())?, &Factor::of(generated.into())?)
}
