//! From the prior to the anchors, and the probabilities on the way.

use lzn_latent::ZoneFlow;
use tch::Tensor;

use super::field::Field;
use super::{Assignment, Zones, check, few, nearest, walk};
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
fn integrate(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>, record: impl FnMut(&Tensor)) -> Tensor {
    let plan = flow.to_anchors_plan();
    let field = Field::new(zones, latents);
    let end = if few::applies(plan, &field) {
        few::integrate(plan, &field, latents, record)
    } else {
        walk::integrate(plan, &field, latents, record)
    };
    end.to_kind(latents.kind())
}
