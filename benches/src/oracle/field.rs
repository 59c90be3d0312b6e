//! One evaluation of the zones relative to the own anchors, and its vector-Jacobian product.

use ndarray::{Array1, Array2, ArrayView1, Axis};

/// Pairs closer than this share of their squared norms have their distance from explicit differences.
const NEAR: f64 = 1e-2;

/// `|a_j - a_i|^2` of the rows `i` in `owners` against all anchors `j`.
pub(super) fn squared_distances(anchors: &Array2<f64>, owners: &[usize]) -> Array2<f64> {
    let squares: Array1<f64> = anchors.rows().into_iter().map(|row| row.dot(&row)).collect();
    let mut distances = anchors.select(Axis(0), owners).dot(&anchors.t());
    for (mut row, &own) in distances.rows_mut().into_iter().zip(owners) {
        for (j, value) in row.iter_mut().enumerate() {
            let size = squares[own] + squares[j];
            *value = size - 2.0 * *value;
            if *value < NEAR * size {
                let difference = &anchors.row(j) - &anchors.row(own);
                *value = difference.dot(&difference);
            }
        }
    }
    distances
}

/// Some samples among all anchors.
pub(super) struct Rows<'a> {
    anchors: &'a Array2<f64>,
    owners: Vec<usize>,
    /// Own anchors, `[rows, d]`.
    own: Array2<f64>,
    /// `[rows, N]`.
    distances: Array2<f64>,
}

/// An evaluation, as its adjoint needs it.
pub(super) struct Stage {
    tau: Array1<f64>,
    z: Array2<f64>,
    /// Weights, 0 at the own anchor, `[rows, N]`.
    weights: Array2<f64>,
    /// Sum of the weights, `[rows]`.
    total: Array1<f64>,
    /// `dz/dtau`, `[rows, d]`.
    pub(super) rate: Array2<f64>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(anchors: &'a Array2<f64>, owners: &[usize]) -> Self {
        let own = anchors.select(Axis(0), owners);
        Self { anchors, owners: owners.to_vec(), own, distances: squared_distances(anchors, owners) }
    }

    pub(super) fn anchors(&self) -> &'a Array2<f64> {
        self.anchors
    }

    /// The zones at `z`, every row at its own `tau`.
    pub(super) fn evaluate(&self, tau: Array1<f64>, z: Array2<f64>) -> Stage {
        let mut weights = z.dot(&self.anchors.t());
        let mut total = Array1::zeros(tau.len());
        for (i, mut row) in weights.rows_mut().into_iter().enumerate() {
            total[i] = softmax_of_others(&mut row, self.owners[i], tau[i], self.distances.row(i));
        }
        let mut rate = weights.dot(self.anchors);
        for ((mut row, own), total) in rate.rows_mut().into_iter().zip(self.own.rows()).zip(&total) {
            row.scaled_add(-total, &own);
        }
        Stage { tau, z, weights, total, rate }
    }

    /// The cotangent of `z` that follows from `g`, that of the rate; adds to the `gradient` of the anchors.
    pub(super) fn pull(&self, stage: &Stage, g: &Array2<f64>, gradient: &mut Array2<f64>) -> Array2<f64> {
        let mut s = g.dot(&self.anchors.t());
        for (i, mut row) in s.rows_mut().into_iter().enumerate() {
            let of_own = g.row(i).dot(&self.own.row(i));
            row.zip_mut_with(&stage.weights.row(i), |p, w| *p = (*p - of_own) * w);
            let mean = row.sum();
            row.scaled_add(-mean, &stage.weights.row(i));
        }
        let rho = s.sum_axis(Axis(1));
        let square = &stage.tau * &stage.tau;
        // sum_j S_j (a_j - a_own)
        let mut toward = s.dot(self.anchors);
        for ((mut row, own), rho) in toward.rows_mut().into_iter().zip(self.own.rows()).zip(&rho) {
            row.scaled_add(-rho, &own);
        }
        *gradient += &stage.weights.t().dot(g);
        *gradient += &s.t().dot(&(super::scaled(&stage.z, &stage.tau) + super::scaled(&self.own, &square)));
        *gradient -= &super::scaled(self.anchors, &s.t().dot(&square));
        for (i, &own) in self.owners.iter().enumerate() {
            let mut row = gradient.row_mut(own);
            row.scaled_add(-stage.total[i], &g.row(i));
            row.scaled_add(-stage.tau[i] * rho[i], &stage.z.row(i));
            row.scaled_add(square[i], &toward.row(i));
        }
        super::scaled(&toward, &stage.tau)
    }
}

/// Turns products `z.a_j` into weights of all anchors but the own one; returns their sum.
fn softmax_of_others(
    row: &mut ndarray::ArrayViewMut1<'_, f64>,
    own: usize,
    tau: f64,
    distances: ArrayView1<'_, f64>,
) -> f64 {
    let of_own = row[own];
    row.zip_mut_with(&distances, |l, distance| *l = tau * (*l - of_own) - 0.5 * tau * tau * distance);
    row[own] = 0.0;
    let largest = row.fold(0.0, |largest: f64, l| largest.max(*l));
    row.mapv_inplace(|l| (l - largest).exp());
    let norm = row.sum();
    row[own] = 0.0;
    row.mapv_inplace(|e| e / norm);
    row.sum()
}
