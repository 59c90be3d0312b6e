//! Mean and covariance of features: what the Frechet distance sees of a set.

use ndarray::{Array1, Array2, ArrayView2};

use super::checks::{check_count, check_dimension};
use super::moments::FeatureMoments;
use crate::reference::check::check;
use crate::{EvalError, Metric};

const OPERATION: &str = "feature statistics";

/// Mean and covariance of features.
///
/// What [`Gaussian::new`], [`Gaussian::of`], [`FeatureMoments`] and the readers of [`crate::reference`] give was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// The number of samples, if known: the files of pytorch-fid do not tell.
    pub count: Option<u64>,
    /// `[d]`.
    pub mean: Array1<f64>,
    /// `[d, d]`, divided by the number of samples less one.
    pub covariance: Array2<f64>,
}

impl Gaussian {
    /// Statistics from elsewhere. What rounding left between the halves of the covariance is averaged out.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] if `count` is below 2, [`EvalError::Setting`] if the shapes do not fit, a number is not finite, or the covariance is
    /// not symmetric or has negative eigenvalues.
    pub fn new(count: Option<u64>, mean: Array1<f64>, covariance: Array2<f64>) -> Result<Self, EvalError> {
        if let Some(got @ 0..2) = count {
            return Err(EvalError::TooFew { operation: OPERATION, what: "rows", needed: 2, got: got as usize });
        }
        match check(mean.view(), covariance) {
            Ok(covariance) => Ok(Self { count, mean, covariance }),
            Err((which, reason)) => {
                let (argument, rule, got) = (which.name(), "that of features", format!("one that {reason}"));
                Err(EvalError::Setting { operation: OPERATION, argument, rule, got })
            }
        }
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

    /// Numbers in a row.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// Refuses shapes and numbers that decompositions could not take: the fields are public.
    pub(super) fn check_shape(&self, operation: &'static str) -> Result<(), EvalError> {
        let expected = self.dimension();
        check_dimension(operation, expected)?;
        let (rows, columns) = self.covariance.dim();
        if let Some(got) = [rows, columns].into_iter().find(|got| *got != expected) {
            return Err(EvalError::Dimension { operation, expected, got });
        }
        let broken =
            |row: usize| !self.mean[row].is_finite() || self.covariance.row(row).iter().any(|x| !x.is_finite());
        if let Some(row) = (0..expected).find(|&row| broken(row)) {
            return Err(EvalError::NotANumber { operation, row });
        }
        self.count.map_or(Ok(()), |count| check_count(operation, "rows", count as usize, 2))
    }
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
        assert!(
            refused(None, array![], Array2::zeros((0, 0)))
                .contains("`mean` must be that of features, got one that is empty")
        );
        assert!(refused(None, array![0.0], unit.clone()).contains("must be 1 x 1"));
        assert!(refused(None, array![f64::NAN, 0.0], unit).contains("not finite"));
        assert!(refused(None, mean.clone(), array![[1.0, 0.5], [0.2, 1.0]]).contains("`covariance`"));
        assert!(refused(None, mean, array![[1.0, 0.0], [0.0, -1.0]]).contains("negative"));
    }

    #[test]
    fn fields_that_were_set_by_hand_are_looked_at_before_use() {
        let good = Gaussian::new(Some(9), array![0.0, 1.0], Array2::eye(2)).unwrap();
        assert!(good.check_shape("test").is_ok());
        let wrong = |change: &dyn Fn(&mut Gaussian)| {
            let mut gaussian = good.clone();
            change(&mut gaussian);
            gaussian.check_shape("test").unwrap_err().to_string()
        };
        assert!(wrong(&|g| g.count = Some(1)).contains("1 rows"));
        assert!(wrong(&|g| g.mean = array![1.0]).contains("features of 2 numbers where 1"));
        assert!(wrong(&|g| g.covariance = Array2::zeros((2, 3))).contains("features of 3"));
        assert!(wrong(&|g| g.covariance[[1, 0]] = f64::NAN).contains("row 1"));
    }
}
