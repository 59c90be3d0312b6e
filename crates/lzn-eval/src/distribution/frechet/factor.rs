//! Factors of covariances: matrices `F` with `C = F^T F`.

use faer::{Mat, MatRef, Side};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::{FeatureSet, OPERATION};
use crate::EvalError;
use crate::distribution::checks::{check_count, check_dimension, check_rows};
use crate::distribution::gaussian::Gaussian;

/// The least share of its variance that a feature must have for itself, not explained by those before it, for a Cholesky factor to be used.
/// Below, the factor would hold the root of rounding errors.
const OWN_SHARE: f64 = 1e-9;

/// Mean, trace and factor of one set.
pub(super) struct Factor {
    pub(super) count: Option<u64>,
    pub(super) mean: Array1<f64>,
    /// Trace of the covariance.
    pub(super) trace: f64,
    /// `[r, d]`.
    pub(super) rows: Mat<f64>,
    /// Whether no direction lacks variance, so that squares of the factor are still well above rounding. `rows` is then upper
    /// triangular.
    pub(super) full_rank: bool,
}

impl Factor {
    pub(super) fn of(set: FeatureSet<'_>) -> Result<Self, EvalError> {
        match set {
            FeatureSet::Rows(rows) => Self::of_rows(rows),
            FeatureSet::Gaussian(gaussian) => Self::of_gaussian(gaussian),
        }
    }

    /// With no more rows than dimensions, the centred rows are the factor. With more, the Cholesky factor of the covariance is
    /// smaller; where it would be inexact, the triangle of a QR decomposition of the rows.
    fn of_rows(rows: ArrayView2<'_, f32>) -> Result<Self, EvalError> {
        check_dimension(OPERATION, rows.ncols())?;
        check_count(OPERATION, "rows", rows.nrows(), 2)?;
        if rows.nrows() > rows.ncols() {
            let gaussian = Gaussian::of(rows)?;
            if let Some((rows, full_rank)) = cholesky(&gaussian.covariance) {
                return Ok(Self::new(&gaussian, rows, full_rank));
            }
            let (_, centred) = centre(rows);
            return Ok(Self::new(&gaussian, matrix(&centred).qr().thin_R().to_owned(), false));
        }
        check_rows(OPERATION, rows, rows.ncols())?;
        let (mean, centred) = centre(rows);
        let trace = centred.iter().map(|x| x * x).sum();
        let count = Some(rows.nrows() as u64);
        Ok(Self { count, mean, trace, rows: matrix(&centred).to_owned(), full_rank: false })
    }

    fn of_gaussian(gaussian: &Gaussian) -> Result<Self, EvalError> {
        gaussian.check_shape(OPERATION)?;
        match cholesky(&gaussian.covariance) {
            Some((rows, full_rank)) => Ok(Self::new(gaussian, rows, full_rank)),
            None => Ok(Self::new(gaussian, eigen(&gaussian.covariance)?, false)),
        }
    }

    fn new(gaussian: &Gaussian, rows: Mat<f64>, full_rank: bool) -> Self {
        let trace = gaussian.covariance.diag().sum();
        Self { count: gaussian.count, mean: gaussian.mean.clone(), trace, rows, full_rank }
    }
}

/// Mean, and the rows about it divided by the root of `N - 1`.
fn centre(rows: ArrayView2<'_, f32>) -> (Array1<f64>, Array2<f64>) {
    let mut centred = rows.mapv(f64::from).as_standard_layout().into_owned();
    let mean = centred.sum_axis(Axis(0)) / rows.nrows() as f64;
    centred -= &mean;
    centred /= (rows.nrows() as f64 - 1.0).sqrt();
    (mean, centred)
}

/// View of an array in standard layout.
fn matrix(array: &Array2<f64>) -> MatRef<'_, f64> {
    let (rows, columns) = array.dim();
    MatRef::from_row_major_slice(array.as_slice().unwrap_or_default(), rows, columns)
}

/// The upper triangular factor, and whether it is of full rank; `None` if features are (almost) linear functions of others.
///
/// Features without variance have no covariance with others either: their columns are zero.
fn cholesky(covariance: &Array2<f64>) -> Option<(Mat<f64>, bool)> {
    let dead: Vec<usize> = (0..covariance.nrows()).filter(|&j| covariance[[j, j]] <= 0.0).collect();
    let mut alive = covariance.clone();
    dead.iter().for_each(|&j| alive[[j, j]] = 1.0);
    let decomposition = matrix(&alive).llt(Side::Lower).ok()?;
    let mut upper = decomposition.L().transpose().to_owned();
    if (0..upper.nrows()).any(|j| upper[(j, j)] * upper[(j, j)] < OWN_SHARE * alive[[j, j]]) {
        return None;
    }
    dead.iter().for_each(|&j| upper[(j, j)] = 0.0);
    Some((upper, dead.is_empty()))
}

/// Eigenvectors as rows, times the roots of the eigenvalues. What rounding can have made of zero is left out: its root would be
/// far larger than it.
fn eigen(covariance: &Array2<f64>) -> Result<Mat<f64>, EvalError> {
    let decomposition = matrix(covariance)
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| EvalError::NoConvergence { operation: OPERATION, what: "the eigenvalues of a covariance" })?;
    let (vectors, values) = (decomposition.U(), decomposition.S().column_vector());
    let dimension = covariance.nrows();
    let largest = values.iter().fold(0.0_f64, |a, b| a.max(*b));
    let noise = f64::EPSILON * dimension as f64 * largest;
    let kept: Vec<usize> = (0..dimension).filter(|&i| values[i] > noise).collect();
    Ok(Mat::from_fn(kept.len(), dimension, |i, j| vectors[(j, kept[i])] * values[kept[i]].sqrt()))
}
