//! Exact nearest neighbours in a table of features or pixels, in bounded memory.
//!
//! ```
//! use lzn_eval::neighbours::{Measure, Table};
//! use ndarray::array;
//!
//! let rows = array![[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]];
//! let table = Table::new(rows.view(), Measure::Euclidean)?;
//! let found = table.nearest(array![[0.0, 0.5]].view(), 2)?;
//! assert_eq!(found.indices, array![[0, 2]]);
//! assert_eq!(found.distances, array![[0.5, 1.5]]);
//! # Ok::<(), lzn_eval::EvalError>(())
//! ```
//!
//! Brute force in float64 would be exact and slow, products of matrices in float32 are fast and not exact. Both are used: the products give
//! each pair a **lower bound** of its distance that holds whatever was rounded, and only pairs whose bound does not exclude them are
//! measured in float64. The result is that of brute force, ties included, and does not depend on threads or on how
//! queries are cut into batches.

mod measure;
mod search;

use ndarray::{Array2, ArrayView2, CowArray, Ix2};

pub use measure::Measure;

use crate::EvalError;
use crate::finite::check_finite;
use measure::Side;

const OPERATION: &str = "nearest neighbours";

/// Rows to look for neighbours in. Beside the rows themselves it holds one copy of them.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// In standard layout.
    rows: CowArray<'a, f32, Ix2>,
    measure: Measure,
    /// What products are taken of, and its bounds.
    side: Side,
    /// What is subtracted from rows first.
    centre: Vec<f32>,
}

/// What [`Table::nearest`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// `[Q, k]`, rows of the table, the nearest first; of equally near ones that with the lower number.
    pub indices: Array2<usize>,
    /// `[Q, k]`, their distances as [`Measure`] defines them.
    pub distances: Array2<f64>,
}

impl<'a> Table<'a> {
    /// Takes `rows`, `[N, d]`.
    ///
    /// # Errors
    /// [`EvalError::Empty`] without rows or columns, [`EvalError::NotANumber`] for a value that is not finite.
    pub fn new(rows: ArrayView2<'a, f32>, measure: Measure) -> Result<Self, EvalError> {
        if rows.is_empty() {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        check_finite(OPERATION, rows)?;
        let centre = measure.centre(rows);
        let side = Side::new(rows, measure, &centre);
        Ok(Self { rows: in_standard_layout(rows), measure, side, centre })
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.nrows()
    }

    /// Never, see [`Table::new`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The `k` nearest rows for each of the `queries: [Q, d]`.
    ///
    /// # Cost
    /// `2 Q N d` operations in float32. Beside the result, a few MB for each thread.
    ///
    /// # Errors
    /// [`EvalError::Setting`] unless `1 <= k <= N`, [`EvalError::Shape`] for another `d`, [`EvalError::NotANumber`].
    pub fn nearest(&self, queries: ArrayView2<'_, f32>, k: usize) -> Result<Neighbours, EvalError> {
        if k == 0 || k > self.len() {
            let (argument, rule) = ("k", "at least 1 and at most the number of rows of the table");
            let got = format!("{k} for {} rows", self.len());
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got });
        }
        if queries.ncols() != self.rows.ncols() {
            let (argument, expected) = ("queries", format!("[Q, {}]", self.rows.ncols()));
            let got = format!("{:?}", queries.shape());
            return Err(EvalError::Shape { operation: OPERATION, argument, expected, got });
        }
        check_finite(OPERATION, queries)?;
        Ok(search::search(self, queries, k))
    }
}

/// Rows that are slices: as they are if they can be.
fn in_standard_layout(rows: ArrayView2<'_, f32>) -> CowArray<'_, f32, Ix2> {
    if rows.is_standard_layout() { rows.into() } else { rows.as_standard_layout().into_owned().into() }
}

/// Row `index` of an array in standard layout.
fn row<'a>(rows: &'a CowArray<'_, f32, Ix2>, index: usize) -> &'a [f32] {
    let d = rows.ncols();
    rows.as_slice().map_or(&[], |all| &all[index * d..(index + 1) * d])
}

#[cfg(test)]
mod tests;
