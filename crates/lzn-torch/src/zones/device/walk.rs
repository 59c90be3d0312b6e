//! The way to the anchors for any number of anchors.

use std::collections::VecDeque;

use lzn_latent::{EndPoint, Node, Plan};
use tch::{Kind, Tensor};

use super::field::{Field, step};

/// Follows the plan from `latents`; `record` sees the log-probabilities `[B, N]` of every evaluation. Returns the end points.
pub(super) fn integrate(plan: &Plan, field: &Field, latents: &Tensor, mut record: impl FnMut(&Tensor)) -> Tensor {
    let mut walk = Walk::new(field, latents, plan.start(), plan.nodes()[0].tau());
    for node in plan.nodes() {
        record(&walk.evaluate(node));
        walk.history.truncate(plan.history());
        walk.z = step(&walk.z, node.coefficients(), &walk.history);
    }
    match plan.end_point() {
        EndPoint::State { t, tau } => (&walk.z + (&walk.base + &field.mean) * tau) * t,
        // The mean of the anchors at the last evaluation.
        _ => &walk.history[0] + &walk.base + &field.mean,
    }
}

/// The state of a batch on its way to the anchors.
///
/// Each row is written relative to its currently most probable anchor, its base. The base is a choice of coordinates, so it
/// carries no gradient.
struct Walk<'a> {
    field: &'a Field,
    /// `|a_j - a_i|^2 / 2` for all pairs, `[N, N]`; gradients reach `a_j` only.
    half_distances: Tensor,
    /// `u - tau a_base`, `[B, d]`.
    z: Tensor,
    /// `ahat - a_base` of the last evaluations, newest first.
    history: VecDeque<Tensor>,
    /// Index of the base, `[B]`.
    bases: Tensor,
    /// The base itself, `[B, d]`, a constant.
    base: Tensor,
    /// `base` with its gradient minus `base`: zero, but it carries the gradient of the base's own share of the mean.
    base_gradient: Option<Tensor>,
    /// Rows of `half_distances` that belong to the bases, `[B, N]`.
    base_distances: Tensor,
    /// See [`Field::others`].
    others: Tensor,
}

impl<'a> Walk<'a> {
    fn new(field: &'a Field, latents: &Tensor, start: f64, tau: f64) -> Self {
        let batch = latents.size()[0];
        let device = field.anchors.device();
        // Before the first evaluation the largest weight is the best guess.
        let first = match &field.log_weights {
            Some(log_weights) => log_weights.argmax(1, false).expand([batch], false).contiguous(),
            None => Tensor::zeros([batch], (Kind::Int64, device)),
        };
        let all = Tensor::arange(field.anchors.size()[0], (Kind::Int64, device));
        let half_distances = field.half_distances(&field.precise().detach()).to_kind(field.kind) * field.others(&all);
        let base = field.anchors.detach().index_select(0, &first);
        let z = latents.to_kind(field.kind) / start - (&base + &field.mean) * tau;
        let others = field.others(&first);
        let base_distances = half_distances.index_select(0, &first);
        let base_gradient = carrier(field, &first, &base);
        Self {
            field,
            half_distances,
            z,
            history: VecDeque::new(),
            bases: first,
            base,
            base_gradient,
            base_distances,
            others,
        }
    }

    /// Evaluates the zones at a node: pushes the mean to the history and returns the log-probabilities `[B, N]`.
    fn evaluate(&mut self, node: &Node) -> Tensor {
        let log_probs = self.field.logits(&self.z, node.tau(), &self.base_distances).log_softmax(1, self.field.kind);
        self.move_bases(log_probs.argmax(1, false), node.tau());
        let weights = log_probs.exp();
        let mut offset = self.field.offset(&weights, &self.others, &self.base);
        if let Some(carrier) = &self.base_gradient {
            offset += weights.detach().gather(1, &self.bases.unsqueeze(1), false) * carrier;
        }
        self.history.push_front(offset);
        log_probs
    }

    /// Changes coordinates to new bases at clock `tau`.
    fn move_bases(&mut self, bases: Tensor, tau: f64) {
        if bases == self.bases {
            return;
        }
        let base = self.field.anchors.detach().index_select(0, &bases);
        let shift = &self.base - &base;
        self.z = &self.z + &shift * tau;
        self.history = self.history.iter().map(|offset| offset + &shift).collect();
        self.others = self.field.others(&bases);
        self.base_distances = self.half_distances.index_select(0, &bases);
        self.base_gradient = carrier(self.field, &bases, &base);
        (self.bases, self.base) = (bases, base);
    }
}

fn carrier(field: &Field, bases: &Tensor, base: &Tensor) -> Option<Tensor> {
    field.anchors.requires_grad().then(|| field.anchors.index_select(0, bases) - base)
}
