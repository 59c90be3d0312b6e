//! Whether a matrix can be a covariance.

use faer::{Mat, Side};
use ndarray::{Array2, ArrayView1};

/// Rounding that is forgiven, relative to the trace: matrices come from sums in float32, too. A matrix that was rounded to float32 has
/// no eigenvalue below -6e-8 times the trace.
const ROUNDING: f64 = 1e-6;

/// Checks a mean and a covariance and makes the covariance exactly symmetric; the error says which of the two is wrong, and how.
pub(crate) fn check(mean: ArrayView1<'_, f64>, mut covariance: Array2<f64>) -> Result<Array2<f64>, (Which, String)> {
    let wrong = |reason: String| Err((Which::Covariance, reason));
    let (d, (rows, columns)) = (mean.len(), covariance.dim());
    if d == 0 {
        return Err((Which::Mean, "is empty".to_owned()));
    }
    if rows != columns {
        return wrong(format!("must be square, but is {rows} x {columns}"));
    }
    if rows != d {
        return wrong(format!("must be {d} x {d} as the mean asks, but is {rows} x {rows}"));
    }
    if let Some(index) = mean.iter().position(|value| !value.is_finite()) {
        return Err((Which::Mean, format!("is not finite at {index}")));
    }
    if let Some(((i, j), _)) = covariance.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return wrong(format!("is not finite at [{i}, {j}]"));
    }
    if let Some(i) = covariance.diag().iter().position(|&variance| variance < 0.0) {
        return wrong(format!("has a negative variance at [{i}, {i}]"));
    }
    let allowed = ROUNDING * covariance.diag().sum();
    for i in 0..d {
        for j in 0..i {
            let (lower, upper) = (covariance[[i, j]], covariance[[j, i]]);
            if (lower - upper).abs() > allowed {
                return wrong(format!("is not symmetric: {lower} at [{i}, {j}], {upper} at [{j}, {i}]"));
            }
            covariance[[i, j]] = 0.5 * (lower + upper);
            covariance[[j, i]] = covariance[[i, j]];
        }
    }
    // A Cholesky factor of the slightly lifted matrix exists exactly if no eigenvalue is below the lift.
    let lift = allowed.max(f64::MIN_POSITIVE);
    let lifted = Mat::from_fn(d, d, |i, j| covariance[[i, j]] + if i == j { lift } else { 0.0 });
    match lifted.llt(Side::Lower) {
        Ok(_) => Ok(covariance),
        Err(_) => wrong("has negative eigenvalues, so it is no covariance".to_owned()),
    }
}

/// Which of the two arrays is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Mean,
    Covariance,
}

impl Which {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Covariance => "covariance",
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    fn verdict(covariance: Array2<f64>) -> Result<Array2<f64>, String> {
        check(Array1::zeros(covariance.nrows()).view(), covariance).map_err(|(which, reason)| {
            assert_eq!(which, Which::Covariance);
            reason
        })
    }

    #[test]
    fn covariances_pass_also_with_fewer_samples_than_dimensions_and_rounded_to_single_precision() {
        let values = lzn_random::Stream::new(0, lzn_random::Purpose::new("test"), [0; 3]).normals_f64(4 * 24);
        let samples = Array2::from_shape_vec((4, 24), values).unwrap() * 1e3;
        let covariance = samples.t().dot(&samples);
        assert_eq!(verdict(covariance.clone()).unwrap().dim(), (24, 24));
        let rounded = covariance.mapv(|value| f64::from(value as f32));
        let passed = verdict(rounded).unwrap();
        assert_eq!(passed, passed.t());
        assert_eq!(verdict(Array2::zeros((3, 3))).unwrap(), Array2::<f64>::zeros((3, 3)));
    }

    #[test]
    fn what_is_no_covariance_is_refused_with_the_reason() {
        for (matrix, reason) in [
            (array![[1.0, 2.0], [2.0, 1.0]], "negative eigenvalues"),
            (array![[1.0, 0.5], [0.4, 1.0]], "0.4 at [1, 0], 0.5 at [0, 1]"),
            (array![[1.0, 0.0], [0.0, -1.0]], "negative variance at [1, 1]"),
            (array![[1.0, f64::NAN], [0.0, 1.0]], "not finite at [0, 1]"),
            (array![[1.0, 0.0]], "square, but is 1 x 2"),
        ] {
            let message = verdict(matrix).unwrap_err();
            assert!(message.contains(reason), "{message}");
        }
        let (which, message) = check(array![1.0, f64::INFINITY].view(), Array2::eye(2)).unwrap_err();
        assert!(which == Which::Mean && message.contains("at 1"), "{message}");
        let (_, message) = check(array![1.0, 2.0, 3.0].view(), Array2::eye(2)).unwrap_err();
        assert!(message.contains("3 x 3"), "{message}");
        assert_eq!(check(Array1::zeros(0).view(), Array2::eye(0)).unwrap_err().0, Which::Mean);
    }
}
