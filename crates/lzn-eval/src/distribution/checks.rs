//! What is asked of features before they are used.

use ndarray::ArrayView2;

use crate::EvalError;
use crate::finite::check_finite;

/// Refuses rows of another length than `dimension`, and rows with a number that is not finite.
pub(super) fn check_rows(
    operation: &'static str,
    rows: ArrayView2<'_, f32>,
    dimension: usize,
) -> Result<(), EvalError> {
    if rows.ncols() != dimension {
        return Err(EvalError::Dimension { operation, expected: dimension, got: rows.ncols() });
    }
    check_finite(operation, rows)
}

/// Refuses two sets that cannot be compared: another length of rows, fewer than `needed` of them, or numbers that are not finite.
pub(super) fn check_pair(
    operation: &'static str,
    real: ArrayView2<'_, f32>,
    generated: ArrayView2<'_, f32>,
    needed: usize,
) -> Result<(), EvalError> {
    check_dimension(operation, real.ncols())?;
    check_count(operation, "real rows", real.nrows(), needed)?;
    check_count(operation, "generated rows", generated.nrows(), needed)?;
    check_rows(operation, real, real.ncols())?;
    check_rows(operation, generated, real.ncols())
}

/// Refuses features without numbers.
pub(super) fn check_dimension(operation: &'static str, dimension: usize) -> Result<(), EvalError> {
    check_count(operation, "numbers in a row of features", dimension, 1)
}

/// Refuses fewer than `needed`.
pub(super) fn check_count(
    operation: &'static str,
    what: &'static str,
    got: usize,
    needed: usize,
) -> Result<(), EvalError> {
    if got < needed { Err(EvalError::TooFew { operation, what, needed, got }) } else { Ok(()) }
}
