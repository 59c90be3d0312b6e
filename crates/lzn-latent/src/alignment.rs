//! Losses that pull latents into the zones of their own anchors, in the log domain.
//!
//! All take `own_log_probs: [steps, B]` as recorded by [`ZoneFlow::to_anchors`](crate::ZoneFlow::to_anchors) and a cut-off in
//! [0, 1): the first `int(cut_off * steps)` evaluations do not count, since near the prior every anchor has the same
//! probability. The published losses take the logarithm of a probability, which is infinite once that underflows; these do
//! not.
//!
//! # Example
//! ```
//! use lzn_latent::alignment;
//! use ndarray::array;
//!
//! // Two samples, three evaluations; the second sample is hopeless, and still has a finite loss with a gradient.
//! let own_log_probs = array![[-0.7, -0.7], [-0.2, -2000.0], [-0.1, -1e6]];
//! let loss = alignment::log_loss(own_log_probs.view(), 0.34)?;
//! assert_eq!(loss.value, (0.1 + 2000.0) / 2.0);
//! assert_eq!(loss.gradient, array![[0.0, 0.0], [0.0, -0.5], [-0.5, 0.0]]);
//! # Ok::<(), lzn_latent::LatentError>(())
//! ```

use ndarray::{Array2, ArrayView2};

use crate::anchors::check_finite;
use crate::{LatentError, Real};

/// A loss and its gradient with respect to the log-probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss<F> {
    /// Mean over the samples.
    pub value: F,
    /// `[steps, B]`: what [`AnchorTrace::vjp`](crate::AnchorTrace::vjp) takes. Each sample's sits at its best step.
    pub gradient: Array2<F>,
}

/// `-mean_i max_s p_s(own)`, the published loss between images and labels. In [-1, 0].
///
/// # Errors
/// [`LatentError::CutOff`] outside [0, 1), [`LatentError::NonFinite`], [`LatentError::Shape`] without steps or samples.
pub fn probability_loss<F: Real>(own_log_probs: ArrayView2<'_, F>, cut_off: f64) -> Result<Loss<F>, LatentError> {
    // d exp(l) / dl = exp(l).
    best_steps(own_log_probs, cut_off, |log_prob| (log_prob.exp(), log_prob.exp()))
}

/// `-mean_i log max_s p_s(own)`, the published loss between two views. At least 0.
///
/// # Errors
/// Those of [`probability_loss`].
pub fn log_loss<F: Real>(own_log_probs: ArrayView2<'_, F>, cut_off: f64) -> Result<Loss<F>, LatentError> {
    best_steps(own_log_probs, cut_off, |log_prob| (log_prob, F::one()))
}

/// Mean probability of the own anchor at the last evaluation: the published "assignment accuracy".
///
/// # Errors
/// [`LatentError::NonFinite`], [`LatentError::Shape`] without steps or samples.
pub fn final_accuracy<F: Real>(own_log_probs: ArrayView2<'_, F>) -> Result<F, LatentError> {
    check(own_log_probs)?;
    let last = own_log_probs.row(own_log_probs.nrows() - 1);
    Ok(last.iter().map(|log_prob| log_prob.exp()).sum::<F>() / F::of(last.len() as f64))
}

fn check<F: Real>(own_log_probs: ArrayView2<'_, F>) -> Result<(), LatentError> {
    let operation = "alignment";
    if own_log_probs.is_empty() {
        let got = own_log_probs.shape();
        let expected = got.iter().map(|n| *n.max(&1)).collect();
        return Err(LatentError::Shape { operation, argument: "own_log_probs", expected, got: got.to_vec() });
    }
    check_finite(operation, "own_log_probs", own_log_probs)
}

/// `-mean_i score(max_s l_s)`; `score` returns its value and its derivative.
fn best_steps<F: Real>(
    own_log_probs: ArrayView2<'_, F>,
    cut_off: f64,
    score: impl Fn(F) -> (F, F),
) -> Result<Loss<F>, LatentError> {
    check(own_log_probs)?;
    let (steps, samples) = own_log_probs.dim();
    if !(0.0..1.0).contains(&cut_off) {
        return Err(LatentError::CutOff { cut_off, steps });
    }
    let first = (cut_off * steps as f64) as usize;
    let share = F::one() / F::of(samples as f64);
    let mut loss = Loss { value: F::zero(), gradient: Array2::zeros((steps, samples)) };
    for (i, column) in own_log_probs.columns().into_iter().enumerate() {
        let best = (first + 1..steps).fold(first, |best, s| if column[s] > column[best] { s } else { best });
        let (value, slope) = score(column[best]);
        loss.value -= share * value;
        loss.gradient[[best, i]] = -share * slope;
    }
    Ok(loss)
}
