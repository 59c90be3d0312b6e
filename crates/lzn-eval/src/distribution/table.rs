//! Features or logits as they come, kept row by row.

use ndarray::{Array2, ArrayView2};

use super::checks::{check_dimension, check_rows};
use crate::{EvalError, Metric};

const OPERATION: &str = "feature table";

/// Keeps every row, for the metrics that need all of them at once: everything here but the Frechet distance.
///
/// Rows stay in the order of the updates; [`Metric::merge`] puts the other's rows after its own. No metric but those with splits or
/// blocks ([`super::inception_score`], [`super::kid_blocks`]) depends on the order, and those want the order in which images
/// were made: merge workers by their rank.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTable {
    dimension: usize,
    values: Vec<f32>,
}

impl FeatureTable {
    /// A table for rows of `dimension` numbers.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] if `dimension` is 0.
    pub fn new(dimension: usize) -> Result<Self, EvalError> {
        check_dimension(OPERATION, dimension)?;
        Ok(Self { dimension, values: Vec::new() })
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.dimension
    }
}

impl Metric for FeatureTable {
    /// `[B, dimension]`.
    type Batch<'a> = ArrayView2<'a, f32>;
    /// `[N, dimension]`.
    type Value = Array2<f32>;
    type Error = EvalError;

    fn update(&mut self, batch: ArrayView2<'_, f32>) -> Result<(), EvalError> {
        check_rows(OPERATION, batch, self.dimension)?;
        self.values.extend(batch.iter());
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        if self.dimension != other.dimension {
            return Err(EvalError::Dimension { operation: OPERATION, expected: self.dimension, got: other.dimension });
        }
        self.values.extend(other.values);
        Ok(())
    }

    fn finish(self) -> Result<Array2<f32>, EvalError> {
        if self.values.is_empty() {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        let shape = (self.rows(), self.dimension);
        Array2::from_shape_vec(shape, self.values).map_err(|_| EvalError::Empty { operation: OPERATION })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, concatenate, s};

    use super::*;

    #[test]
    fn rows_come_out_in_the_order_of_updates_and_then_of_merges() {
        let rows = Array2::from_shape_fn((7, 3), |(i, j)| (10 * i + j) as f32);
        let filled = |range: std::ops::Range<usize>| {
            let mut table = FeatureTable::new(3).unwrap();
            for row in range {
                table.update(rows.slice(s![row..row + 1, ..])).unwrap();
            }
            table
        };
        let mut merged = filled(4..7);
        merged.merge(filled(0..4)).unwrap();
        let expected = concatenate![ndarray::Axis(0), rows.slice(s![4.., ..]), rows.slice(s![..4, ..])];
        assert_eq!(merged.finish().unwrap(), expected);
    }

    #[test]
    fn refused_batches_change_nothing_and_nothing_is_no_table() {
        let mut table = FeatureTable::new(2).unwrap();
        assert!(matches!(table.clone().finish(), Err(EvalError::Empty { .. })));
        table.update(array![[1.0, 2.0]].view()).unwrap();
        let before = table.clone();
        let wrong = table.update(array![[1.0, 2.0], [f32::INFINITY, 0.0]].view());
        assert!(matches!(wrong, Err(EvalError::NotANumber { row: 1, .. })));
        assert!(matches!(table.update(array![[1.0]].view()), Err(EvalError::Dimension { expected: 2, got: 1, .. })));
        assert!(matches!(table.merge(FeatureTable::new(3).unwrap()), Err(EvalError::Dimension { .. })));
        assert_eq!(table, before);
        assert!(matches!(FeatureTable::new(0), Err(EvalError::TooFew { .. })));
    }
}
