//! Losses that pull latents into the zones of their own anchors, from log-probabilities that are always finite.
//!
//! All take `own_log_probs: [steps, B]`, the record of [`super::to_anchors`], and `cut_off` in [0, 1): the first
//! `int(cut_off * steps)` evaluations do not count, since near the prior every anchor has the same probability. Whatever the
//! cut-off, the last evaluation counts.

use tch::Tensor;

/// `-mean_i max_s p_s(own)`: the published loss between images and labels. In [-1, 0].
pub fn probability_loss(own_log_probs: &Tensor, cut_off: f64) -> Tensor {
    -best(own_log_probs, cut_off).exp().mean(own_log_probs.kind())
}

/// `-mean_i log max_s p_s(own)`: the published loss between two views. At least 0, and finite where the probability underflows.
pub fn log_loss(own_log_probs: &Tensor, cut_off: f64) -> Tensor {
    -best(own_log_probs, cut_off).mean(own_log_probs.kind())
}

/// Mean probability of the own anchor at the last evaluation ("assignment accuracy"), without gradient.
pub fn final_accuracy(own_log_probs: &Tensor) -> Tensor {
    tch::no_grad(|| own_log_probs.select(0, -1).exp().mean(own_log_probs.kind()))
}

/// The largest log-probability of each sample after the cut-off, `[B]`; the gradient goes to one step.
fn best(own_log_probs: &Tensor, cut_off: f64) -> Tensor {
    let steps = own_log_probs.size()[0];
    let first = ((cut_off * steps as f64) as i64).clamp(0, (steps - 1).max(0));
    own_log_probs.narrow(0, first, steps - first).max_dim(0, false).0
}
