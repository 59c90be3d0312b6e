//! Mean and covariance of features: what the Frechet distance sees of a set.

use ndarray::{Array1, Array2, ArrayView2};

use super::moments::FeatureMoments;
use crate::{EvalError, Metric};

const OPERATION: &str = "feature statistics";

/// How far the two halves of a covariance may differ, relative to its largest variance: what is left of one that went through
/// single precision.
const SYMMETRY: f64 = 1e-6;

/// The Gaussian of a set of features: how many they were, their mean, and their covariance with `count - 1` in the denominator.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    count: Option<u64>,
    mean: Array1<f64>,
    covariance: Array2<f64>,
}

impl Gaussian {
    /// Statistics from elsewhere, such as a file of another tool. `count` is `None` where the file does not tell, as those of
    /// pytorch-fid.
    ///
    /// `mean` is `[d]`, `covariance` `[d, d]`. What rounding left between the halves of the covariance is averaged out.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] if `count` is below 2 or `d` is 0, [`EvalError::Dimension`] if the shapes do not fit, [`EvalError::NotANumber`] if a
    /// number is not finite, [`EvalError::Setting`] if the covariance is not symmetric or a variance is negative.
    pub fn new(count: Option<u64>, mean: Array1<f64>, mut covariance: Array2<f64>) -> Result<Self, EvalError> {
        let dimension = mean.len();
        super::checks::check_dimension(OPERATION, dimension)?;
        if let Some(got @ 0..2) = count {
            return Err(EvalError::TooFew { operation: OPERATION, what: "rows", needed: 2, got: got as usize });
        }
        for got in [covariance.nrows(), covariance.ncols()] {
            if got != dimension {
                return Err(EvalError::Dimension { operation: OPERATION, expected: dimension, got });
            }
        }
        let broken = |row: usize| !mean[row].is_finite() || covariance.row(row).iter().any(|x| !x.is_finite());
        if let Some(row) = (0..dimension).find(|&row| broken(row)) {
            return Err(EvalError::NotANumber { operation: OPERATION, row });
        }
        symmetrise(&mut covariance)?;
        Ok(Self { count, mean, covariance })
    }

    /// Of the rows of a table `[N, d]`.
    ///
    /// # Errors
    /// As [`FeatureMoments`].
    pub fn of(rows: ArrayView2<'_, f32>) -> Result<Self, EvalError> {
        let mut moments = FeatureMoments::new(rows.ncols())?;
        moments.update(rows)?;
        moments.finish()
    }

    /// How many rows there were, if known.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        self.count
    }

    /// Numbers in a row.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// `[d]`.
    #[must_use]
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// `[d, d]`, symmetric to the bit.
    #[must_use]
    pub fn covariance(&self) -> &Array2<f64> {
        &self.covariance
    }
}

fn symmetrise(covariance: &mut Array2<f64>) -> Result<(), EvalError> {
    let refuse = |rule, got| Err(EvalError::Setting { operation: OPERATION, argument: "covariance", rule, got });
    let largest = covariance.diag().iter().fold(0.0_f64, |a, b| a.max(*b));
    for i in 0..covariance.nrows() {
        if covariance[[i, i]] < 0.0 {
            return refuse("without negative variances", format!("{} at [{i}, {i}]", covariance[[i, i]]));
        }
        for j in 0..i {
            let (a, b) = (covariance[[i, j]], covariance[[j, i]]);
            if (a - b).abs() > SYMMETRY * largest {
                return refuse("symmetric", format!("{a} at [{i}, {j}] and {b} at [{j}, {i}]"));
            }
            let mean = a + (b - a) / 2.0;
            covariance[[i, j]] = mean;
            covariance[[j, i]] = mean;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn refused(count: Option<u64>, mean: Array1<f64>, covariance: Array2<f64>) -> String {
        Gaussian::new(count, mean, covariance).unwrap_err().to_string()
    }

    #[test]
    fn statistics_that_cannot_be_are_refused() {
        let (mean, unit) = (array![0.0, 1.0], Array2::eye(2));
        assert!(refused(Some(1), mean.clone(), unit.clone()).contains("1 rows, but at least 2"));
        assert!(refused(None, array![], Array2::zeros((0, 0))).contains("at least 1"));
        assert!(refused(None, array![0.0], unit.clone()).contains("2 numbers where 1"));
        assert!(refused(None, array![f64::NAN, 0.0], unit).contains("row 0"));
        assert!(refused(None, mean.clone(), array![[1.0, 0.0], [f64::INFINITY, 1.0]]).contains("row 1"));
        assert!(refused(None, mean.clone(), array![[1.0, 0.5], [0.2, 1.0]]).contains("symmetric"));
        assert!(refused(None, mean, array![[1.0, 0.0], [0.0, -1.0]]).contains("negative"));
    }

    #[test]
    fn rounding_between_the_halves_is_averaged_out() {
        let found = Gaussian::new(None, array![0.0, 1.0], array![[1.0, 0.5], [0.5 + 1e-8, 1.0]]).unwrap();
        assert_eq!(found.covariance()[[0, 1]], found.covariance()[[1, 0]]);
        assert!((found.covariance()[[0, 1]] - 0.5 - 0.5e-8).abs() < 1e-15);
        assert_eq!((found.count(), found.dimension()), (None, 2));
    }
}
