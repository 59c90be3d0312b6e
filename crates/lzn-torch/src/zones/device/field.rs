//! What the evaluations in both directions share: centred anchors, half-distances, log-weights.
//!
//! The mean of the anchors under the weights of the zones is written relative to one *base* anchor per row,
//!
//! ```text
//! z = u - tau a_base,   l_j = tau z.a_j - tau^2 |a_j - a_base|^2 / 2 + log c_j,   w = softmax(l),
//! ahat - a_base = sum_{j != base} w_j (a_j - a_base)
//! ```
//!
//! so that nothing large is subtracted from something equally large: not 1 - w_base, not the squares of far-away points. The
//! column of the base is masked wherever it would be zero up to rounding, because `tau^2` reaches 1e8 and would amplify that
//! rounding in the gradients.

use tch::{Device, Kind, Tensor};

use super::Zones;

/// The anchors made ready for one flow.
pub(super) struct Field {
    /// Anchors without their mean, `[N, d]`, in the kind of computation.
    pub(super) anchors: Tensor,
    /// Transposed view of `anchors`.
    transposed: Tensor,
    /// The mean that was taken away, `[1, d]`, a constant.
    pub(super) mean: Tensor,
    /// Centred anchors in double precision, `[N, d]`, for distances.
    precise: Tensor,
    /// `log c`, `[1, N]`; -inf where a weight is zero.
    pub(super) log_weights: Option<Tensor>,
    /// The kind of computation.
    pub(super) kind: Kind,
}

impl Field {
    pub(super) fn new(zones: &Zones<'_>, points: &Tensor) -> Self {
        let kind = if points.kind() == Kind::Double || zones.anchors.kind() == Kind::Double {
            Kind::Double
        } else {
            Kind::Float
        };
        let precise = zones.anchors.to_kind(Kind::Double);
        // A constant: moving all anchors by the same vector does not change `z`.
        let mean = tch::no_grad(|| precise.mean_dim(0, true, Kind::Double)).detach();
        let precise = precise - &mean;
        let anchors = precise.to_kind(kind);
        let log_weights =
            zones.weights.map(|weights| log_weights(weights, anchors.device()).to_kind(kind).unsqueeze(0));
        Self { transposed: anchors.tr(), mean: mean.to_kind(kind), anchors, precise, log_weights, kind }
    }

    /// `|a_j - a_i|^2 / 2` for the rows `i` of `bases`, which get gradients if they require them: `[rows, N]`.
    ///
    /// A Gram matrix in double precision: in single precision it would lose near anchors.
    pub(super) fn half_distances(&self, bases: &Tensor) -> Tensor {
        let squares = half_squares(bases).unsqueeze(1) + half_squares(&self.precise).unsqueeze(0);
        squares - bases.matmul(&self.precise.tr())
    }

    /// Centred anchors in double precision, `[N, d]`.
    pub(super) fn precise(&self) -> &Tensor {
        &self.precise
    }

    /// The logits `tau z.a_j - tau^2 h_j + log c_j`, `[B, N]`.
    pub(super) fn logits(&self, z: &Tensor, tau: f64, half_distances: &Tensor) -> Tensor {
        let quadratic = half_distances * (-tau * tau);
        let quadratic = match &self.log_weights {
            Some(log_weights) => quadratic + log_weights,
            None => quadratic,
        };
        quadratic.addmm(&(z * tau), &self.transposed)
    }

    /// `sum_{j != base} w_j (a_j - a_base)`, `[B, d]`. `others` is 0 in the column of the base and 1 elsewhere.
    pub(super) fn offset(&self, weights: &Tensor, others: &Tensor, bases: &Tensor) -> Tensor {
        let weights = weights * others;
        weights.matmul(&self.anchors) - weights.sum_dim_intlist(1, true, self.kind) * bases
    }

    /// `[B, N]`, 0 where the column is the row's base and 1 elsewhere.
    pub(super) fn others(&self, bases: &Tensor) -> Tensor {
        let size = [bases.size()[0], self.anchors.size()[0]];
        Tensor::ones(size, (self.kind, bases.device())).scatter_value(1, &bases.unsqueeze(1), 0.0)
    }
}

/// `|row|^2 / 2`.
pub(super) fn half_squares(rows: &Tensor) -> Tensor {
    rows.square().sum_dim_intlist(1, false, rows.kind()) * 0.5
}

fn log_weights(weights: &Tensor, device: Device) -> Tensor {
    let weights = weights.to_device(device).to_kind(Kind::Double);
    let empty = weights.le(0.0);
    // The logarithm never sees a zero, whose gradient would be NaN.
    weights.masked_fill(&empty, 1.0).log().masked_fill(&empty, f64::NEG_INFINITY)
}

/// Adds `sum_m C_m history[m]` to `z`; `history` has the newest value first.
pub(super) fn step(z: &Tensor, coefficients: &[f64], history: &std::collections::VecDeque<Tensor>) -> Tensor {
    coefficients.iter().zip(history).fold(z.shallow_clone(), |z, (coefficient, value)| z + value * *coefficient)
}
