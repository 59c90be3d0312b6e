//! The nuclear norm of a product: the sum of its singular values.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Mat, Par, Side};

use super::OPERATION;
use super::factor::Factor;
use crate::EvalError;

/// The error, relative to the whole, that roots of eigenvalues may have in place of singular values.
const TOLERANCE: f64 = 1e-12;

/// `|F1 F2^T|_*`, which is the trace of the root of `C1 C2`.
pub(super) fn of_product(real: &Factor, generated: &Factor) -> Result<f64, EvalError> {
    let mut product = Mat::zeros(real.rows.nrows(), generated.rows.nrows());
    if product.nrows() == 0 || product.ncols() == 0 {
        return Ok(0.0);
    }
    let (full, left, right) = (BlockStructure::Rectangular, &real.rows, generated.rows.transpose());
    let (left_structure, right_structure) = (structure(real), structure(generated).transpose());
    matmul(&mut product, full, Accum::Replace, left, left_structure, right, right_structure, 1.0, Par::rayon(0));
    let well_conditioned = real.full_rank && generated.full_rank;
    if let Some(sum) = well_conditioned.then(|| by_eigenvalues(&product)).flatten() {
        return Ok(sum);
    }
    let values = product
        .singular_values()
        .map_err(|_| EvalError::NoConvergence { operation: OPERATION, what: "the singular values" })?;
    Ok(values.iter().sum())
}

/// Factors of full rank are those of Cholesky.
fn structure(factor: &Factor) -> BlockStructure {
    if factor.full_rank { BlockStructure::TriangularUpper } else { BlockStructure::Rectangular }
}

/// By the eigenvalues of `M^T M`, in less than half of the time; `None` if too inexact.
///
/// An eigenvalue is off by up to about the rounding of the largest one, its root `s` by that over `2 s`: much where `s` is small,
/// which is where singular values are needed. The errors of many are independent, so their squares add up.
fn by_eigenvalues(product: &Mat<f64>) -> Option<f64> {
    let dimension = product.ncols();
    let mut square = Mat::zeros(dimension, dimension);
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    matmul(&mut square, lower, Accum::Replace, product.transpose(), full, product, full, 1.0, Par::rayon(0));
    let values = square.self_adjoint_eigenvalues(Side::Lower).ok()?;
    let largest = values.iter().fold(0.0_f64, |a, b| a.max(*b));
    let noise = 8.0 * f64::EPSILON * largest;
    if values.iter().any(|value| *value <= noise) {
        return None;
    }
    let sum: f64 = values.iter().map(|value| value.sqrt()).sum();
    let error = noise / 2.0 * values.iter().map(|value| value.recip()).sum::<f64>().sqrt();
    (error <= TOLERANCE * sum).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_agree_with_singular_values_or_step_back() {
        let wave = |frequency: f64| Mat::from_fn(24, 24, |i, j| (frequency * (24 * i + j + 1) as f64).sin());
        let singular = |matrix: &Mat<f64>| matrix.singular_values().unwrap().iter().sum::<f64>();
        let good = wave(0.7) + Mat::<f64>::identity(24, 24) * faer::Scale(10.0);
        let found = by_eigenvalues(&good).unwrap();
        assert!((found - singular(&good)).abs() < TOLERANCE * found);
        // Two waves span two directions, the others are rounding.
        assert!(by_eigenvalues(&wave(0.7)).is_none());
    }
}
