//! One evaluation of the zones on a tile of rows.
//!
//! Each row has a *base*: the anchor relative to which it is written, `z = u - tau a_base`. In exact arithmetic the base is a
//! free choice. In floating point it decides everything: relative to a near base no term is large, and the weight of the
//! base is never obtained as one minus something. On the way to the prior the base is the row's own anchor, on the way to the
//! anchors the currently most probable one.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Axis};

use crate::distance::Distances;
use crate::{Anchors, Real};

/// The bases of a tile's rows.
#[derive(Debug, Clone)]
pub(crate) struct Bases<F> {
    /// Index of the anchor, one per row.
    pub(crate) index: Vec<usize>,
    /// The centred anchors themselves, `[rows, d]`.
    pub(crate) points: Array2<F>,
}

impl<F: Real> Bases<F> {
    pub(crate) fn new(anchors: &Anchors<F>, index: Vec<usize>) -> Self {
        Self { points: anchors.centred().select(Axis(0), &index), index }
    }
}

/// Logits relative to the bases, `[rows, N]`, 0 in the column of the base:
///
/// ```text
/// l_j = tau z.(a_j - a_base) - tau^2 |a_j - a_base|^2 / 2 + log c_j - log c_base
/// ```
pub(crate) fn logits<F: Real>(
    anchors: &Anchors<F>,
    tau: f64,
    z: &Array2<F>,
    bases: &Bases<F>,
    distances: &Distances<'_, F>,
) -> Array2<F> {
    let mut logits = Array2::zeros((z.nrows(), anchors.len()));
    general_mat_mul(F::of(tau), z, &anchors.centred().t(), F::zero(), &mut logits);
    let square = F::of(tau * tau);
    for (i, mut row) in logits.rows_mut().into_iter().enumerate() {
        let base = bases.index[i];
        let own = row[base];
        row.zip_mut_with(&distances.row(i, base), |l, distance| *l = *l - own - square * *distance);
        if let Some(log_weights) = anchors.log_weights() {
            let own = log_weights[base];
            row.zip_mut_with(log_weights, |l, weight| *l += *weight - own);
        }
        row[base] = F::zero();
    }
    logits
}

/// Moves a row to the base `to` at clock `tau`; its logits become relative to the new base.
pub(crate) fn move_base<F: Real>(
    anchors: &Anchors<F>,
    tau: f64,
    row: usize,
    to: usize,
    z: &mut Array2<F>,
    bases: &mut Bases<F>,
    logits: &mut Array2<F>,
) {
    let tau = F::of(tau);
    let (new, mut old) = (anchors.centred().row(to), bases.points.row_mut(row));
    let mut z = z.row_mut(row);
    z.zip_mut_with(&old, |z, old| *z += tau * *old);
    z.zip_mut_with(&new, |z, new| *z -= tau * *new);
    old.assign(&new);
    bases.index[row] = to;
    let shift = logits[[row, to]];
    logits.row_mut(row).mapv_inplace(|l| l - shift);
}

/// The zones' weights of a tile, split into the base and the others.
pub(crate) struct Weights<F> {
    /// `w_j`, `[rows, N]`, 0 in the column of the base.
    pub(crate) others: Array2<F>,
    /// Sum of the others, `[rows]`: one minus the weight of the base, without the subtraction.
    pub(crate) omega: Array1<F>,
    /// Weight of the base, `[rows]`.
    pub(crate) base: Array1<F>,
    /// Logarithm of the sum of `exp(l_j)`, `[rows]`: turns logits into log-probabilities.
    pub(crate) log_norm: Array1<F>,
}

impl<F: Real> Weights<F> {
    /// Softmax of relative logits.
    pub(crate) fn new(mut logits: Array2<F>, bases: &Bases<F>) -> Self {
        let rows = logits.nrows();
        let (mut omega, mut base, mut log_norm) = (Array1::zeros(rows), Array1::zeros(rows), Array1::zeros(rows));
        for (i, mut row) in logits.rows_mut().into_iter().enumerate() {
            // The logit of the base is 0.
            let largest = row.iter().fold(F::zero(), |largest, l| largest.max(*l));
            row.mapv_inplace(|l| (l - largest).exp());
            row[bases.index[i]] = F::zero();
            let (of_base, of_others) = ((-largest).exp(), row.sum());
            let norm = of_base + of_others;
            row.mapv_inplace(|e| e / norm);
            (omega[i], base[i]) = (of_others / norm, of_base / norm);
            // Where the base is the most probable, `of_base` is 1 and a tiny rest must not be lost in the sum.
            log_norm[i] = if largest == F::zero() { of_others.ln_1p() } else { largest + norm.ln() };
        }
        Self { others: logits, omega, base, log_norm }
    }

    /// `ahat - a_base = sum_{j != base} w_j (a_j - a_base)`, `[rows, d]`.
    pub(crate) fn offset(&self, anchors: &Anchors<F>, bases: &Bases<F>) -> Array2<F> {
        let mut offset = self.others.dot(anchors.centred());
        for ((mut row, base), omega) in offset.rows_mut().into_iter().zip(bases.points.rows()).zip(&self.omega) {
            row.scaled_add(-*omega, &base);
        }
        offset
    }
}
