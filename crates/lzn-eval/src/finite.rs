//! Numbers that cannot be measured.

use ndarray::ArrayView2;

use crate::EvalError;

/// The first row with a value that is not finite.
pub(crate) fn first_not_finite<F: Copy + Into<f64>>(rows: ArrayView2<'_, F>) -> Option<usize> {
    rows.rows().into_iter().position(|row| row.iter().any(|&value| !value.into().is_finite()))
}

/// Refuses rows with a value that is not finite.
pub(crate) fn check_finite<F: Copy + Into<f64>>(
    operation: &'static str,
    rows: ArrayView2<'_, F>,
) -> Result<(), EvalError> {
    first_not_finite(rows).map_or(Ok(()), |row| Err(EvalError::NotANumber { operation, row }))
}
