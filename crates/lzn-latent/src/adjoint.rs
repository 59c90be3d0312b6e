//! The vector-Jacobian product of one evaluation, derived by hand from the formulas of [`crate::field`].
//!
//! With the cotangent `g` of `ahat`, and `P_j = g.(a_j - a_base)`, the cotangent of the logit `l_j` is
//! `S_j = w_j (P_j - sum_k w_k P_k)`. The base's own `P` is exactly zero and its `S` is minus the sum `rho` of the others.
//! Keeping the column of the base instead costs nine digits at `tau = 1e4`, where rounding is multiplied by `tau^2`.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, Axis, Zip};

use crate::field::{Bases, Weights};
use crate::{Anchors, Real};

/// What gradients of anchors and log-weights are collected in.
#[derive(Debug, Clone)]
pub(crate) struct Sink<F> {
    /// `[N, d]`.
    pub(crate) anchors: Array2<F>,
    /// `[N]`.
    pub(crate) log_weights: Array1<F>,
}

impl<F: Real> Sink<F> {
    pub(crate) fn new(anchors: &Anchors<F>) -> Self {
        Self { anchors: Array2::zeros((anchors.len(), anchors.dim())), log_weights: Array1::zeros(anchors.len()) }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.anchors += &other.anchors;
        self.log_weights += &other.log_weights;
    }
}

/// Whether the base of a row is a choice of coordinates, or the anchor that the row starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// `u` is the state; the base drops out of the result.
    Coordinates,
    /// `z` is the state and `ahat - a_base` the rate, so the base acts through both.
    Own,
}

/// One evaluation as it was, for its adjoint.
pub(crate) struct Evaluated<'a, F> {
    pub(crate) anchors: &'a Anchors<F>,
    pub(crate) tau: f64,
    pub(crate) z: &'a Array2<F>,
    pub(crate) bases: &'a Bases<F>,
    pub(crate) weights: Weights<F>,
}

/// Cotangent of the log-probabilities of one anchor per row.
pub(crate) struct LogProbCotangent<'a, F> {
    pub(crate) owners: &'a [usize],
    pub(crate) values: ArrayView1<'a, F>,
}

impl<F: Real> Evaluated<'_, F> {
    /// Pulls cotangents back: adds to `sink` and returns the cotangent of the state, `[rows, d]`.
    ///
    /// `g: [rows, d]` belongs to the rate, `log_probs` to recorded log-probabilities.
    pub(crate) fn pull(
        &self,
        g: &Array2<F>,
        log_probs: Option<&LogProbCotangent<'_, F>>,
        base: Base,
        sink: &mut Sink<F>,
    ) -> Array2<F> {
        let tau = F::of(self.tau);
        let s = self.logit_cotangent(g, log_probs);
        let rho = s.sum_axis(Axis(1));
        // sum_j S_j (a_j - a_base)
        let mut state = s.dot(self.anchors.centred());
        Zip::from(state.rows_mut())
            .and(self.bases.points.rows())
            .and(&rho)
            .for_each(|mut row, base, rho| row.scaled_add(-*rho, &base));
        self.pull_anchors(g, &s, sink);
        for (i, &index) in self.bases.index.iter().enumerate() {
            let mut target = sink.anchors.row_mut(index);
            target.scaled_add(-tau * rho[i], &self.z.row(i));
            match base {
                Base::Coordinates => target.scaled_add(self.weights.base[i], &g.row(i)),
                Base::Own => {
                    target.scaled_add(-self.weights.omega[i], &g.row(i));
                    target.scaled_add(tau * tau, &state.row(i));
                }
            }
            sink.log_weights[index] -= rho[i];
        }
        state.mapv_inplace(|x| tau * x);
        state
    }

    /// `S`, `[rows, N]`, 0 in the column of the base.
    fn logit_cotangent(&self, g: &Array2<F>, log_probs: Option<&LogProbCotangent<'_, F>>) -> Array2<F> {
        let weights = &self.weights.others;
        let mut s = g.dot(&self.anchors.centred().t());
        for (i, mut row) in s.rows_mut().into_iter().enumerate() {
            let of_base = g.row(i).dot(&self.bases.points.row(i));
            row.zip_mut_with(&weights.row(i), |p, w| *p = (*p - of_base) * *w);
            // d log p_own / d l_j = [j = own] - w_j.
            let cotangent = log_probs.map_or(F::zero(), |log_probs| log_probs.values[i]);
            let mean = row.sum() + cotangent;
            row.scaled_add(-mean, &weights.row(i));
            if let Some(log_probs) = log_probs
                && log_probs.owners[i] != self.bases.index[i]
            {
                row[log_probs.owners[i]] += cotangent;
            }
        }
        s
    }

    /// Gradients of the anchors in the role of the other zones: `W'g + S'(tau z + tau^2 a_base) - tau^2 diag(sum S) A`.
    fn pull_anchors(&self, g: &Array2<F>, s: &Array2<F>, sink: &mut Sink<F>) {
        let (tau, one) = (F::of(self.tau), F::one());
        general_mat_mul(one, &self.weights.others.t(), g, one, &mut sink.anchors);
        let mut lever = self.z * tau;
        lever.scaled_add(tau * tau, &self.bases.points);
        general_mat_mul(one, &s.t(), &lever, one, &mut sink.anchors);
        let total = s.sum_axis(Axis(0));
        Zip::from(sink.anchors.rows_mut())
            .and(self.anchors.centred().rows())
            .and(&total)
            .for_each(|mut row, anchor, total| row.scaled_add(-tau * tau * *total, &anchor));
        sink.log_weights += &total;
    }
}
