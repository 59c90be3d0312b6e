//! The anchors that rows are written relative to, and what is near them.

use ndarray::{Array2, ArrayView1, Axis};

use crate::distance::half_distances;
use crate::kernels::lanes::sum_of;
use crate::kernels::logits::{RowSums, RowZones, to_logits};
use crate::kernels::vectors::{add_scaled, difference_dot, subtract};
use crate::{Anchors, Parallel, Real};

/// The anchors that the rows of a tile are written relative to.
#[derive(Debug, Clone)]
pub(crate) struct Bases<F> {
    /// Index of the anchor, one per row.
    pub(crate) index: Vec<usize>,
    /// The centred anchors themselves, `[rows, d]`.
    pub(crate) points: Array2<F>,
    /// `|a_j - a_base|^2 / 2`, `[rows, N]`.
    pub(crate) half_distances: Array2<F>,
    /// Anchors nearly in the place of the base, one list per row: what they do is seen by differences, since their products differ
    /// in the last digits only.
    pub(crate) duplicates: Vec<Vec<usize>>,
}

impl<F: Real> Bases<F> {
    pub(crate) fn new(parallel: Parallel, anchors: &Anchors<F>, index: Vec<usize>) -> Self {
        let mut halves = Array2::zeros((index.len(), anchors.len()));
        let duplicates = half_distances(parallel, anchors, &index, halves.view_mut());
        Self { points: anchors.centred().select(Axis(0), &index), index, half_distances: halves, duplicates }
    }

    /// Turns the products of row `i` in the state `z` into logits, in place; returns what they are made of.
    #[inline(always)]
    pub(crate) fn to_logits<'a>(
        &'a self,
        anchors: &'a Anchors<F>,
        i: usize,
        (tau, z): (F, ArrayView1<'_, F>),
        products: &mut [F],
    ) -> RowZones<'a, F> {
        let zones = self.zones(anchors, i, tau);
        to_logits(products, &zones);
        for &j in &self.duplicates[i] {
            let slope = difference_dot(z.to_slice().unwrap_or_default(), anchors.point(j), anchors.point(zones.base));
            let log_weight = anchors.log_weight(j) - anchors.log_weight(zones.base);
            products[j] = tau * slope - tau * tau * zones.half_distances[j] + log_weight;
        }
        zones
    }

    /// Adds what the near-duplicates of row `i` bring to its mean, `sum_j e_j (a_j - a_base)`, and takes them out of the
    /// exponentials and their sums.
    #[inline(always)]
    pub(crate) fn set_duplicates_aside(
        &self,
        anchors: &Anchors<F>,
        i: usize,
        (exponentials, sums): (&mut [F], &mut RowSums<F>),
        mean: &mut [F],
    ) {
        if self.duplicates[i].is_empty() {
            return;
        }
        let mut difference = vec![F::zero(); mean.len()];
        for &j in &self.duplicates[i] {
            subtract(&mut difference, anchors.point(j), anchors.point(self.index[i]));
            add_scaled(mean, exponentials[j], &difference);
            exponentials[j] = F::zero();
        }
        sums.omega = sums.scale * sum_of(exponentials, exponentials, |e, _| e);
    }

    /// What the logits of row `i` at the clock `tau` are made of.
    #[inline(always)]
    pub(crate) fn zones<'a>(&'a self, anchors: &'a Anchors<F>, i: usize, tau: F) -> RowZones<'a, F> {
        let n = anchors.len();
        let all = self.half_distances.as_slice().unwrap_or(&[]);
        let log_weights = anchors.log_weights().and_then(|all| all.as_slice());
        RowZones { half_distances: &all[i * n..(i + 1) * n], log_weights, base: self.index[i], tau }
    }

    /// Gives rows new bases: `moved` holds rows and anchors.
    pub(crate) fn replace(&mut self, parallel: Parallel, anchors: &Anchors<F>, moved: &[(usize, usize)]) {
        if moved.is_empty() {
            return;
        }
        let index: Vec<usize> = moved.iter().map(|(_, base)| *base).collect();
        let mut halves = Array2::zeros((index.len(), anchors.len()));
        let duplicates = half_distances(parallel, anchors, &index, halves.view_mut());
        for (((row, base), halves), duplicates) in moved.iter().zip(halves.rows()).zip(duplicates) {
            self.index[*row] = *base;
            self.points.row_mut(*row).assign(&anchors.centred().row(*base));
            self.half_distances.row_mut(*row).assign(&halves);
            self.duplicates[*row] = duplicates;
        }
    }
}
