//! From the prior to the anchors, and the probabilities on the way.

use std::collections::VecDeque;

use lzn_latent::{EndPoint, Node, ZoneFlow};
use tch::{Kind, Tensor};

use super::field::{Field, step};
use super::{Assignment, Zones, check, nearest};
use crate::TorchError;

/// Carries latents to the anchors and records the log-probability of each sample's own anchor at every evaluation.
///
/// Differentiable with respect to latents, anchors and weights.
///
/// # Shapes
/// `latents: [B, d]`, `owners: [B]` int64, rows of the anchors.
///
/// # Errors
/// Shapes and kinds that do not fit, owners out of range, negative weights, an owner of weight zero.
pub fn to_anchors(
    flow: &ZoneFlow,
    latents: &Tensor,
    zones: &Zones<'_>,
    owners: &Tensor,
) -> Result<Assignment, TorchError> {
    const OPERATION: &str = "to_anchors";
    check::zones_and_points(OPERATION, zones, "latents", latents)?;
    check::owners(OPERATION, owners, latents.size()[0], zones)?;
    let columns = owners.unsqueeze(1);
    let mut recorded = Vec::new();
    let record = |log_probs: &Tensor| recorded.push(log_probs.gather(1, &columns, false).squeeze_dim(1));
    let end_points = integrate(flow, latents, zones, record);
    Ok(Assignment { end_points, own_log_probs: Tensor::stack(&recorded, 0).to_kind(latents.kind()) })
}

/// Carries latents to the anchors and records the log-probabilities of all anchors: end points `[B, d]` and
/// `[steps, B, N]`. For inspection; [`to_anchors`] needs a fraction of the memory.
///
/// # Errors
/// Shapes and kinds that do not fit, negative weights.
pub fn all_log_probs(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<(Tensor, Tensor), TorchError> {
    check::zones_and_points("all_log_probs", zones, "latents", latents)?;
    let mut recorded = Vec::new();
    let end_points = integrate(flow, latents, zones, |log_probs| recorded.push(log_probs.shallow_clone()));
    Ok((end_points, Tensor::stack(&recorded, 0).to_kind(latents.kind())))
}

/// The anchor whose zone each latent lies in: flow to the anchors, then the nearest. `[B]` int64, without gradients.
///
/// # Errors
/// Shapes and kinds that do not fit, negative weights.
pub fn decide(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<Tensor, TorchError> {
    check::zones_and_points("decide", zones, "latents", latents)?;
    tch::no_grad(|| {
        let end_points = integrate(flow, latents, zones, |_| {});
        Ok(nearest(&end_points, zones.anchors))
    })
}

/// Follows the plan; `record` sees the log-probabilities `[B, N]` of every evaluation.
fn integrate(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>, mut record: impl FnMut(&Tensor)) -> Tensor {
    let plan = flow.to_anchors_plan();
    let field = Field::new(zones, latents);
    let mut walk = Walk::new(&field, latents, plan.start(), plan.nodes()[0].tau());
    for node in plan.nodes() {
        record(&walk.evaluate(node));
        walk.history.truncate(plan.history());
        walk.z = step(&walk.z, node.coefficients(), &walk.history);
    }
    let end = match plan.end_point() {
        EndPoint::State { t, tau } => (&walk.z + (&walk.base + &field.mean) * tau) * t,
        // The mean of the anchors at the last evaluation.
        _ => &walk.history[0] + &walk.base + &field.mean,
    };
    end.to_kind(latents.kind())
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
