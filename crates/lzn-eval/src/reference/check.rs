//! Whether a symmetric matrix can be a covariance.

use faer::{Mat, Side};
use ndarray::Array2;

/// Rounding that is forgiven, relative to the trace: matrices come from sums in float32, too. A matrix that was rounded to float32 has
/// no eigenvalue below -6e-8 times the trace.
const ROUNDING: f64 = 1e-6;

/// Whether no eigenvalue is negative, up to rounding.
pub(super) fn is_positive(covariance: &Array2<f64>) -> bool {
    // A Cholesky factor of the slightly lifted matrix exists exactly if no eigenvalue is below the lift.
    let lift = (ROUNDING * covariance.diag().sum()).max(f64::MIN_POSITIVE);
    let d = covariance.nrows();
    let lifted = Mat::from_fn(d, d, |i, j| covariance[[i, j]] + if i == j { lift } else { 0.0 });
    lifted.llt(Side::Lower).is_ok()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn covariances_pass_also_with_fewer_samples_than_dimensions_and_rounded_to_single_precision() {
        let values = lzn_random::Stream::new(0, lzn_random::Purpose::new("test"), [0; 3]).normals_f64(4 * 24);
        let samples = Array2::from_shape_vec((4, 24), values).unwrap() * 1e3;
        let covariance = samples.t().dot(&samples);
        assert!(is_positive(&covariance.mapv(|value| f64::from(value as f32))));
        assert!(is_positive(&covariance));
        assert!(is_positive(&Array2::zeros((3, 3))));
    }

    #[test]
    fn a_negative_eigenvalue_is_found_however_small_beside_the_others() {
        // Eigenvalues are 1 + r and 1 - r.
        for r in [2.0, 1.0 + 1e-5] {
            assert!(!is_positive(&array![[1.0, r], [r, 1.0]]), "{r}");
        }
        assert!(is_positive(&array![[1.0, 1.0 - 1e-5], [1.0 - 1e-5, 1.0]]));
    }
}
