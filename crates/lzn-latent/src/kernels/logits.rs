//! From the products of a row with all anchors to the weights of the zones.
//!
//! A row is written relative to its *base*, one of the anchors (see [`crate::point`]). Its logits are
//!
//! ```text
//! l_j = tau (x_j - x_base) - tau^2 h_j + log c_j - log c_base,     x_j = z.a_j,   h_j = |a_j - a_base|^2 / 2
//! ```
//!
//! 0 for the base. Anchors in the very place of the base (`h_j = 0`) share its weight and never count among the others: what
//! they add to the mean of the anchors is zero, and computing it would leave rounding instead.

use super::lanes::{LANES, largest, largest_of};
use crate::Real;

/// What a row's logits are made of beside its products.
#[derive(Clone, Copy)]
pub(crate) struct RowZones<'a, F> {
    /// `h_j`, `[N]`; 0 for the base.
    pub(crate) half_distances: &'a [F],
    /// `log c_j`, `[N]`.
    pub(crate) log_weights: Option<&'a [F]>,
    /// Index of the base.
    pub(crate) base: usize,
    /// The clock `tau`.
    pub(crate) tau: F,
}

/// Sums over a row's weights.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowSums<F> {
    /// Factor that turns the row's exponentials into weights.
    pub(crate) scale: F,
    /// Weight of all others, never obtained as one minus something.
    pub(crate) omega: F,
    /// Weight of the base.
    pub(crate) base: F,
    /// Logarithm of `sum_j exp(l_j)`: turns logits into log-probabilities.
    pub(crate) log_norm: F,
}

/// Turns products into logits, in place.
#[inline(always)]
pub(crate) fn to_logits<F: Real>(row: &mut [F], zones: &RowZones<'_, F>) {
    let (own, tau, square) = (row[zones.base], zones.tau, zones.tau * zones.tau);
    for (x, h) in row.iter_mut().zip(zones.half_distances) {
        *x = tau * (*x - own) - square * *h;
    }
    if let Some(log_weights) = zones.log_weights {
        let own = log_weights[zones.base];
        for (x, log_weight) in row.iter_mut().zip(log_weights) {
            *x += *log_weight - own;
        }
    }
}

/// The largest logit of a zone that is not in the place of the base; minus infinity if there is none.
#[inline(always)]
pub(crate) fn strongest_rival<F: Real>(logits: &[F], half_distances: &[F]) -> F {
    largest_of(logits, half_distances, |l, h| if h > F::zero() { l } else { F::neg_infinity() })
}

/// Turns logits into exponentials relative to the largest, in place, 0 for the base and what lies on it.
#[inline(always)]
pub(crate) fn to_exponentials<F: Real>(row: &mut [F], half_distances: &[F]) -> RowSums<F> {
    let most = largest(row, F::zero());
    let (mut others, mut base) = ([F::zero(); LANES], [F::zero(); LANES]);
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    let (h_chunks, h_rest) = half_distances.as_chunks::<LANES>();
    for (chunk, h) in chunks.iter_mut().zip(h_chunks) {
        for lane in 0..LANES {
            let e = (chunk[lane] - most).exp_of_negative();
            let apart = h[lane] != F::zero();
            chunk[lane] = if apart { e } else { F::zero() };
            others[lane] += chunk[lane];
            base[lane] += if apart { F::zero() } else { e };
        }
    }
    for (lane, (x, h)) in rest.iter_mut().zip(h_rest).enumerate() {
        let e = (*x - most).exp_of_negative();
        let apart = *h != F::zero();
        *x = if apart { e } else { F::zero() };
        others[lane] += *x;
        base[lane] += if apart { F::zero() } else { e };
    }
    let total = |lanes: [F; LANES]| lanes.into_iter().fold(F::zero(), |sum, lane| sum + lane);
    let (others, base) = (total(others), total(base));
    let norm = base + others;
    // Where the base leads, its exponential is 1, and a tiny rest must not be lost in the sum.
    let log_norm = if most == F::zero() { (base - F::one() + others).ln_1p() } else { most + norm.ln() };
    RowSums { scale: F::one() / norm, omega: others / norm, base: base / norm, log_norm }
}
