//! One evaluation of the zones in tensor operations, and its vector-Jacobian product.
//!
//! The formulas and their reasons are those of `lzn-latent` (`field.rs`, `kernels/cotangents.rs`): rows are written relative to a
//! base, whose column never takes part.

use tch::{Kind, Tensor};

use crate::zones::Zones;

/// Pairs nearer than this, relative to their norms, are in one place: rounding of the Gram matrix is all that separates them.
const SAME_PLACE: f64 = 1e-13;

/// The anchors made ready for one flow.
pub(super) struct Field {
    /// Anchors without their mean, `[N, d]`, in the kind of computation.
    pub(super) anchors: Tensor,
    /// The mean that was taken away, `[1, d]`.
    pub(super) mean: Tensor,
    /// `log c`, `[1, N]`; minus infinity where a weight is zero.
    pub(super) log_weights: Option<Tensor>,
    /// The kind of computation.
    pub(super) kind: Kind,
    /// Centred anchors in double precision and their half squares, `[N, d]` and `[N]`.
    precise: Tensor,
    half_squares: Tensor,
}

/// What rows are written relative to.
pub(super) struct Bases {
    /// Indices `[r]`.
    pub(super) index: Tensor,
    /// The centred anchors, `[r, d]`.
    pub(super) points: Tensor,
    /// `|a_j - a_base|^2 / 2`, `[r, N]`.
    pub(super) half_distances: Tensor,
    /// 1 where the anchor is in another place than the base, `[r, N]`.
    apart: Tensor,
    /// True for anchors that are left out, `[r, N]`.
    hidden: Option<Tensor>,
}

impl Bases {
    /// The same with all other anchors left out than the given ones, `[r, N]`, and the bases.
    pub(super) fn among(&self, near: &Tensor) -> Self {
        let copy = Tensor::shallow_clone;
        let hidden = near.logical_not().logical_and(&self.apart.gt(0.0));
        Self {
            index: copy(&self.index),
            points: copy(&self.points),
            half_distances: copy(&self.half_distances),
            apart: copy(&self.apart),
            hidden: Some(hidden),
        }
    }
}

/// The weights of the zones at one evaluation.
pub(super) struct Weights {
    /// `w_j`, 0 for the base and what lies on it, `[r, N]`.
    pub(super) others: Tensor,
    /// Their sum, `[r, 1]`.
    omega: Tensor,
    /// Weight of the base, `[r, 1]`.
    base: Tensor,
    /// `ahat - a_base`, `[r, d]`.
    pub(super) rate: Tensor,
}

/// Gradients of anchors `[N, d]` and log-weights `[N]`.
pub(super) struct Sink {
    pub(super) anchors: Tensor,
    pub(super) log_weights: Tensor,
}

/// Whether the base of a row is a choice of coordinates, or the anchor that the row starts from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Coordinates,
    Own,
}

impl Field {
    pub(super) fn new(zones: &Zones<'_>, kind: Kind) -> Self {
        let precise = zones.anchors.detach().to_kind(Kind::Double);
        let mean = precise.mean_dim(0, true, Kind::Double);
        let precise = precise - &mean;
        let log_weights = zones.weights.map(|weights| {
            let weights = weights.detach().to_device(precise.device()).to_kind(Kind::Double);
            let empty = weights.le(0.0);
            let log = weights.masked_fill(&empty, 1.0).log().masked_fill(&empty, f64::NEG_INFINITY);
            log.to_kind(kind).unsqueeze(0)
        });
        let half_squares = precise.square().sum_dim_intlist(1, false, Kind::Double) * 0.5;
        Self { anchors: precise.to_kind(kind), mean: mean.to_kind(kind), log_weights, kind, precise, half_squares }
    }

    pub(super) fn sink(&self) -> Sink {
        let log_weights = Tensor::zeros([self.anchors.size()[0]], (self.kind, self.anchors.device()));
        Sink { anchors: self.anchors.zeros_like(), log_weights }
    }

    pub(super) fn bases(&self, index: Tensor) -> Bases {
        let rows = self.precise.index_select(0, &index);
        let sums = self.half_squares.index_select(0, &index).unsqueeze(1) + self.half_squares.unsqueeze(0);
        let half = (&sums - rows.matmul(&self.precise.tr())).clamp_min(0.0);
        let apart = half.gt_tensor(&(sums * SAME_PLACE)).to_kind(self.kind);
        let half_distances = half.to_kind(self.kind) * &apart;
        Bases { points: self.anchors.index_select(0, &index), index, half_distances, apart, hidden: None }
    }

    /// `log c_j - log c_base`, `[r, N]`.
    pub(super) fn relative_log_weights(&self, bases: &Bases) -> Option<Tensor> {
        self.log_weights.as_ref().map(|all| all - all.squeeze_dim(0).index_select(0, &bases.index).unsqueeze(1))
    }

    /// Slopes `z.(a_j - a_base)`, `[r, N]`.
    pub(super) fn slopes(&self, z: &Tensor, bases: &Bases) -> Tensor {
        let own = (z * &bases.points).sum_dim_intlist(1, true, self.kind);
        z.matmul(&self.anchors.tr()) - own
    }

    /// Logits relative to the base, `[r, N]`, at clocks `tau [r, 1]`.
    pub(super) fn logits(&self, z: &Tensor, tau: &Tensor, bases: &Bases) -> Tensor {
        let logits = (self.slopes(z, bases) - &bases.half_distances * tau) * tau;
        let logits = match self.relative_log_weights(bases) {
            Some(log_weights) => logits + log_weights,
            None => logits,
        };
        match &bases.hidden {
            Some(hidden) => logits.masked_fill(hidden, f64::NEG_INFINITY),
            None => logits,
        }
    }

    /// The largest logit of an anchor in another place, and which, `[r]`.
    pub(super) fn rival(&self, logits: &Tensor, bases: &Bases) -> (Tensor, Tensor) {
        logits.masked_fill(&bases.apart.eq(0.0), f64::NEG_INFINITY).max_dim(1, false)
    }

    pub(super) fn weights(&self, logits: &Tensor, bases: &Bases) -> Weights {
        let all = logits.softmax(1, self.kind);
        let others = &all * &bases.apart;
        let base = (all - &others).sum_dim_intlist(1, true, self.kind);
        let omega = others.sum_dim_intlist(1, true, self.kind);
        let rate = others.matmul(&self.anchors) - &omega * &bases.points;
        Weights { others, omega, base, rate }
    }

    /// Pulls cotangents `g [r, d]` of the rate and `h` of log-probabilities of given owners (both `[r]`) back: adds to the sink, and
    /// returns the cotangent of the state.
    pub(super) fn pull(
        &self,
        (z, tau, bases): (&Tensor, &Tensor, &Bases),
        role: Base,
        g: &Tensor,
        h: Option<(&Tensor, &Tensor)>,
        sink: &mut Sink,
    ) -> Tensor {
        let w = self.weights(&self.logits(z, tau, bases), bases);
        let row_sum = |x: &Tensor| x.sum_dim_intlist(1, true, self.kind);
        let products = g.matmul(&self.anchors.tr()) - row_sum(&(g * &bases.points));
        let mean = row_sum(&(&w.others * &products));
        let s = match h {
            None => &w.others * (products - mean),
            Some((owners, h)) => {
                let (owners, h) = (owners.unsqueeze(1), h.unsqueeze(1));
                let away = bases.apart.gather(1, &owners, false) * &h;
                (&w.others * (products - mean - &h)).scatter_add(1, &owners, &away)
            }
        };
        let rho = row_sum(&s);
        let state = s.matmul(&self.anchors) - &rho * &bases.points;
        let square = tau.square();
        let lever = z * tau + &bases.points * &square;
        sink.anchors += w.others.tr().matmul(g) + s.tr().matmul(&lever);
        sink.anchors -= (&s * &square).sum_dim_intlist(0, false, self.kind).unsqueeze(1) * &self.anchors;
        let own = match role {
            Base::Coordinates => g * &w.base,
            Base::Own => &state * &square - g * &w.omega,
        } - z * (tau * &rho);
        sink.anchors = sink.anchors.index_add(0, &bases.index, &own);
        sink.log_weights += s.sum_dim_intlist(0, false, self.kind);
        sink.log_weights = sink.log_weights.index_add(0, &bases.index, &-rho.squeeze_dim(1));
        state * tau
    }

    /// Shares of the zones in the Gaussian `[N]`, and the mean of the anchors under them `[1, d]`.
    pub(super) fn prior(&self) -> (Tensor, Tensor) {
        let n = self.anchors.size()[0];
        let even = || Tensor::full([n], 1.0 / n as f64, (self.kind, self.anchors.device()));
        let shares = self.log_weights.as_ref().map_or_else(even, |all| all.softmax(1, self.kind).squeeze_dim(0));
        let mean = shares.unsqueeze(0).matmul(&self.anchors);
        (shares, mean)
    }

    /// Root of the mean square distance of two anchors, drawn by their shares.
    pub(super) fn spread(&self) -> f64 {
        let (shares, mean) = self.prior();
        let square = (&self.anchors - mean).square().sum_dim_intlist(1, false, Kind::Double);
        (2.0 * (square * shares).sum(Kind::Double).double_value(&[])).sqrt()
    }
}
