//! KID, the kernel inception distance: the squared maximum mean discrepancy under the kernel `(x . y / d + 1)^3`.
//!
//! Four estimators are in use, and their values differ:
//!
//! | function | estimator | as in |
//! |---|---|---|
//! | [`kid`] | all pairs of different rows, unbiased | the definition |
//! | [`kid_blocks`] | mean over consecutive blocks | TF-GAN |
//! | [`kid_seeded_subsets`] | mean over random subsets | torch-fidelity, clean-fid, StyleGAN, but for the draws |
//! | [`kid_subsets`] | mean over given subsets | any of these, given their draws |
//!
//! [`kid_biased`] counts rows with themselves. Reports often give 1,000 times the value.

mod parts;
#[cfg(test)]
mod tests;

use ndarray::ArrayView2;
use serde::Serialize;

pub use parts::{KernelDistances, KidParts, Subset, kid_blocks, kid_seeded_subsets, kid_subsets};

use super::checks::check_pair;
use super::pairs::Kernel;
use crate::EvalError;

const OPERATION: &str = "KID";

/// A KID over all pairs, and what it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KernelDistance {
    /// The squared discrepancy. The unbiased estimate of a distance near 0 can be negative.
    pub value: f64,
    /// Whether rows were not paired with themselves.
    pub unbiased: bool,
    /// Real rows.
    pub n_real: usize,
    /// Generated rows.
    pub n_generated: usize,
    /// Numbers in a row.
    pub dimension: usize,
}

/// The unbiased estimate over all pairs of `[N, d]` and `[M, d]` (Binkowski and others, "Demystifying MMD GANs", 2018).
///
/// It takes `d (N + M)^2` additions and multiplications in float64 and the memory of two tiles per thread.
///
/// # Errors
/// [`EvalError::TooFew`] for fewer than two rows or dimension 0, [`EvalError::Dimension`], [`EvalError::NotANumber`].
pub fn kid(real: ArrayView2<'_, f32>, generated: ArrayView2<'_, f32>) -> Result<KernelDistance, EvalError> {
    all_pairs(real, generated, true)
}

/// The estimate that also pairs rows with themselves: never negative, and too large by about `1 / N + 1 / M`.
///
/// # Errors
/// As [`kid`].
pub fn kid_biased(real: ArrayView2<'_, f32>, generated: ArrayView2<'_, f32>) -> Result<KernelDistance, EvalError> {
    all_pairs(real, generated, false)
}

fn all_pairs(
    real: ArrayView2<'_, f32>,
    generated: ArrayView2<'_, f32>,
    unbiased: bool,
) -> Result<KernelDistance, EvalError> {
    check_pair(OPERATION, real, generated, 2)?;
    let (n_real, n_generated, dimension) = (real.nrows(), generated.nrows(), real.ncols());
    Ok(KernelDistance { value: discrepancy(real, generated, unbiased), unbiased, n_real, n_generated, dimension })
}

/// The estimate for sets that were checked.
fn discrepancy(real: ArrayView2<'_, f32>, generated: ArrayView2<'_, f32>, unbiased: bool) -> f64 {
    let dimension = real.ncols() as f64;
    let value = |product: f64| {
        let base = product / dimension + 1.0;
        base * base * base
    };
    let kernel = Kernel { value, normalise: false };
    let (n, m) = (real.nrows() as f64, generated.nrows() as f64);
    let within = |set, count: f64| {
        let sum = kernel.within(set);
        if unbiased { sum.different / (count * (count - 1.0)) } else { (sum.different + sum.same) / (count * count) }
    };
    within(real, n) + within(generated, m) - 2.0 * kernel.between(real, generated) / (n * m)
}
