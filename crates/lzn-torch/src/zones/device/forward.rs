//! From anchors to the prior.

use std::collections::VecDeque;

use lzn_latent::{EndPoint, ZoneFlow};
use tch::Tensor;

use super::field::{Field, step};
use super::{Zones, check};
use crate::TorchError;

/// Latents of samples: one point of the Gaussian in the zone of each sample's own anchor.
///
/// Differentiable with respect to anchors, weights and noise.
///
/// # Shapes
/// `owners: [B]` int64, rows of the anchors; `noise: [B, d]`, standard normal draws (scaled by the caller for concentrated
/// latents); result `[B, d]` in the kind of `noise`.
///
/// # Errors
/// Shapes and kinds that do not fit, owners out of range, negative weights, an owner of weight zero.
pub fn to_latents(flow: &ZoneFlow, zones: &Zones<'_>, owners: &Tensor, noise: &Tensor) -> Result<Tensor, TorchError> {
    const OPERATION: &str = "to_latents";
    check::zones_and_points(OPERATION, zones, "noise", noise)?;
    check::owners(OPERATION, owners, noise.size()[0], zones)?;

    let plan = flow.to_latents_plan();
    let field = Field::new(zones, noise);
    let own = field.anchors.index_select(0, owners);
    let others = field.others(owners);
    // The distance to oneself is zero, and so is its gradient; rounding has no say.
    let half_distances = field.half_distances(&field.precise().index_select(0, owners)).to_kind(field.kind) * &others;

    let mut z = noise.to_kind(field.kind);
    let mut history = VecDeque::new();
    for node in plan.nodes() {
        let weights = field.logits(&z, node.tau(), &half_distances).softmax(1, field.kind);
        history.push_front(field.offset(&weights, &others, &own));
        history.truncate(plan.history());
        z = step(&z, node.coefficients(), &history);
    }
    let latents = match plan.end_point() {
        EndPoint::State { t: 1.0, .. } => z,
        EndPoint::State { t, .. } => z * t + (own + &field.mean) * (1.0 - t),
        // No plan towards the prior ends so: at t = 1 the mean is not a point of the zone.
        _ => z,
    };
    Ok(latents.to_kind(noise.kind()))
}
