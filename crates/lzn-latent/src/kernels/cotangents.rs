//! The vector-Jacobian product of a row of weights, derived by hand.
//!
//! With the cotangent `g` of the mean of the anchors and `P_j = g.(a_j - a_base)`, the cotangent of the logit `l_j` is
//! `S_j = w_j (P_j - sum_k w_k P_k)`. The base's own `P` is exactly zero, and its `S` is minus the sum of the others. Keeping the
//! column of the base instead costs nine digits at `tau = 1e4`, where rounding is multiplied by `tau^2`.

use super::lanes::sum_of;
use super::logits::RowSums;
use crate::Real;

/// Turns the exponentials of a row into weights, and its products `g.a_j` into cotangents of the logits `S`, in place; returns
/// `sum_j S_j`.
///
/// `log_prob` is the cotangent of the log-probability of one anchor, with its index: none if that is the base.
#[inline(always)]
pub(crate) fn to_cotangents<F: Real>(
    weights: &mut [F],
    products: &mut [F],
    sums: &RowSums<F>,
    base: usize,
    log_prob: Option<(F, Option<usize>)>,
) -> F {
    let own = products[base];
    // d log p_own / d l_j = [j = own] - w_j.
    let cotangent = log_prob.map_or(F::zero(), |(cotangent, _)| cotangent);
    let mean = sums.scale * sum_of(weights, products, |e, p| e * (p - own)) + cotangent;
    for (w, p) in weights.iter_mut().zip(products.iter_mut()) {
        *w *= sums.scale;
        *p = *w * ((*p - own) - mean);
    }
    if let Some((cotangent, Some(own))) = log_prob {
        products[own] += cotangent;
    }
    sum_of(products, products, |s, _| s)
}
