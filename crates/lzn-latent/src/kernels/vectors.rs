//! Vectors of the latent space, one at a time.

use super::vectorised;
use crate::Real;

/// `y += scale * x`.
#[inline(always)]
pub(crate) fn add_scaled<F: Real>(y: &mut [F], scale: F, x: &[F]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += scale * *x;
    }
}

/// `out = a - b`; exact where `a` and `b` are near.
#[inline(always)]
pub(crate) fn subtract<F: Real>(out: &mut [F], a: &[F], b: &[F]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = *a - *b;
    }
}

/// `|a - b|^2 / 2` in double precision.
pub(crate) fn half_square_distance<F: Real>(a: &[F], b: &[F]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            super::lanes::sum_of_wide(a, b, |a, b| {
                let difference = a - b;
                0.5 * difference * difference
            })
        },
    )
}

/// `z . (a - b)`.
pub(crate) fn difference_dot<F: Real>(z: &[F], a: &[F], b: &[F]) -> F {
    z.iter().zip(a).zip(b).fold(F::zero(), |sum, ((z, a), b)| sum + *z * (*a - *b))
}
