//! How far out a row's path is provably straight.
//!
//! With the row's state frozen at its noise `z`, the logit of another zone is a parabola in the clock,
//!
//! ```text
//! l_j(tau) = s_j tau - h_j tau^2 + log c_j - log c_own,      s_j = z.(a_j - a_own),   h_j = |a_j - a_own|^2 / 2
//! ```
//!
//! which stays below `-L` from its larger root on. Beyond the largest root of all zones their weights together are at most
//! `N exp(-L)`, and by Mills' bound on the tail of the Gaussian the state has moved by no more than about that.

use super::lanes::{LANES, largest, sum_of};
use crate::{Horizon, Real};

/// Slopes `s_j`, half distances `h_j` and relative log-weights of one row.
pub(crate) struct Parabolas<'a, F> {
    pub(crate) slopes: &'a [F],
    pub(crate) half_distances: &'a [F],
    pub(crate) log_weights: Option<&'a [F]>,
    pub(crate) own: usize,
}

impl<F: Real> Parabolas<'_, F> {
    /// Relative log-weight of zone `j`.
    #[inline(always)]
    fn log_weight(&self, j: usize) -> F {
        self.log_weights.map_or(F::zero(), |all| all[j] - all[self.own])
    }

    /// The clock from which on zone `j` stays below `exp(-below)` of the own one; 0 for zones in the own place.
    #[inline(always)]
    pub(crate) fn root(&self, j: usize, below: F) -> F {
        let (s, h) = (self.slopes[j], self.half_distances[j]);
        let square = s * s + (h + h + h + h) * (below + self.log_weight(j));
        let root = (s + if square > F::zero() { square.sqrt() } else { F::zero() }) / (h + h);
        if h > F::zero() && square > F::zero() && root > F::zero() { root } else { F::zero() }
    }

    /// The largest of all roots; `roots` is scratch of the same length.
    #[inline(always)]
    pub(crate) fn farthest_root(&self, below: F, roots: &mut [F]) -> F {
        for (j, root) in roots.iter_mut().enumerate() {
            *root = self.root(j, below);
        }
        largest(roots, F::zero())
    }

    /// `sum_j exp(min(l_j(tau), 0))` over the zones elsewhere: how much they weigh of the own one, unless it is more than that.
    #[inline(always)]
    pub(crate) fn mass(&self, tau: F) -> F {
        let square = tau * tau;
        let weigh = |logit: F, h: F| {
            let e = if logit < F::zero() { logit.exp_of_negative() } else { F::one() };
            if h > F::zero() { e } else { F::zero() }
        };
        match self.log_weights {
            None => sum_of(self.slopes, self.half_distances, |s, h| weigh(s * tau - h * square, h)),
            Some(log_weights) => {
                let own = log_weights[self.own];
                let mut total = F::zero();
                let chunks = self.slopes.chunks(LANES).zip(self.half_distances.chunks(LANES));
                for ((s, h), w) in chunks.zip(log_weights.chunks(LANES)) {
                    for ((s, h), w) in s.iter().zip(h).zip(w) {
                        total += weigh(*s * tau - *h * square + *w - own, *h);
                    }
                }
                total
            }
        }
    }

    /// The clock where all zones elsewhere together weigh `mass` of the own one, from `far`, where they weigh less.
    #[inline(always)]
    pub(crate) fn horizon(&self, far: F, mass: F) -> F {
        let (mut low, mut high) = (far * F::of(0.5f64.powi(Horizon::OCTAVES)), far);
        for _ in 0..Horizon::BISECTIONS {
            let middle = (low * high).sqrt();
            if self.mass(middle) < mass { high = middle } else { low = middle }
        }
        high
    }
}
