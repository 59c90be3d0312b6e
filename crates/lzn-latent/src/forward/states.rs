//! The states that gradients go back over.

use ndarray::{Array2, ArrayView2};

use crate::Real;

/// The states of a tile's active rows before every evaluation, in one piece of memory: a piece each would leave holes where they
/// have been freed.
#[derive(Debug)]
pub(super) struct States<F> {
    values: Vec<F>,
    /// Where each state ends among the values.
    ends: Vec<usize>,
    dim: usize,
}

impl<F: Real> States<F> {
    /// Room for states of `rows` rows in all, `dim` numbers each.
    pub(super) fn with_capacity(rows: usize, dim: usize) -> Self {
        Self { values: Vec::with_capacity(rows * dim), ends: Vec::new(), dim }
    }

    /// Adds a state `[rows, d]`.
    pub(super) fn push(&mut self, state: &Array2<F>) {
        self.values.extend(state);
        self.ends.push(self.values.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// State number `k`, `[rows, d]`.
    pub(super) fn get(&self, k: usize) -> ArrayView2<'_, F> {
        let start = if k == 0 { 0 } else { self.ends[k - 1] };
        let part = &self.values[start..self.ends[k]];
        let rows = part.len() / self.dim.max(1);
        ArrayView2::from_shape((rows, self.dim), part).expect("states have whole rows")
    }
}
