//! The flow of the zones as differentiable tensor operations, on any device.
//!
//! Same mathematics as `lzn-latent`, which holds the numbers of the solvers ([`ZoneFlow`]) and explains
//! them. To libtorch each operation is one node: tensors in main memory go through the kernels of `lzn-latent`, others through
//! operations of libtorch, with the same steps, the same hand-derived gradients, and nothing kept but the states. Second
//! derivatives are refused (see [`crate::autograd`]). Single and double precision are computed as they are, half precisions in
//! single precision, since a flow may begin at `tau = 1e4` and needs its square.
//!
//! # Example
//! ```
//! use lzn_latent::{Solver, ZoneFlow};
//! use lzn_torch::zones::{self, Zones};
//! use tch::{Kind, Tensor};
//!
//! let anchors = Tensor::from_slice(&[-1.0, 0.0, 1.0, 0.0]).reshape([2, 2]).set_requires_grad(true);
//! let noise = Tensor::from_slice(&[0.3, -0.2, 0.1, 0.5, 0.0, 1.0]).reshape([3, 2]);
//! let owners = Tensor::from_slice(&[0_i64, 1, 1]);
//! let zones = Zones { anchors: &anchors, weights: None };
//! let latents = zones::to_latents(&ZoneFlow::new(Solver::dpm(20))?, &zones, &owners, &noise)?;
//! // The zones of -1 and +1 are the two halves of the plane.
//! assert_eq!(latents.select(1, 0).sign(), Tensor::from_slice(&[-1.0, 1.0, 1.0]));
//! assert_eq!(zones::decide(&ZoneFlow::new(Solver::euler(100))?, &latents, &zones)?, owners);
//! latents.square().sum(Kind::Double).backward();
//! assert_eq!(anchors.grad().size(), [2, 2]);
//! # Ok::<(), lzn_torch::TorchError>(())
//! ```

pub mod alignment;
mod check;
mod clock;
mod device;
#[cfg(test)]
mod device_tests;
mod host;
mod inputs;

pub use clock::time_spent;

use lzn_latent::ZoneFlow;
use tch::{Kind, Tensor};

use crate::TorchError;

/// The anchors that share the latent space, and how much of it each gets.
///
/// # Shapes
/// `anchors: [N, d]` of a floating-point kind; `weights: [N]`, not negative, any scale.
#[derive(Debug, Clone, Copy)]
pub struct Zones<'a> {
    /// One anchor per row.
    pub anchors: &'a Tensor,
    /// Share of each zone in the Gaussian, up to a common factor; equal shares when absent.
    pub weights: Option<&'a Tensor>,
}

/// Where the flow towards the anchors takes each latent, and how sure it is on the way.
#[derive(Debug)]
pub struct Assignment {
    /// End points at the anchors' end of the flow, `[B, d]`.
    pub end_points: Tensor,
    /// Log-probability of the sample's own anchor at every evaluation, `[steps, B]`, from the prior to the anchors. Finite.
    pub own_log_probs: Tensor,
}

/// Latents of samples: one point of the Gaussian in the zone of each sample's own anchor.
///
/// Differentiable with respect to anchors, weights and noise.
///
/// # Shapes
/// `owners: [B]` int64, rows of the anchors; `noise: [B, d]`, standard normal draws (scaled by the caller for concentrated
/// latents); result `[B, d]` in the kind of `noise`.
///
/// # Errors
/// Shapes and kinds that do not fit, owners out of range, negative weights, an owner of weight zero, values that are not finite.
pub fn to_latents(flow: &ZoneFlow, zones: &Zones<'_>, owners: &Tensor, noise: &Tensor) -> Result<Tensor, TorchError> {
    const OPERATION: &str = "to_latents";
    check::zones_and_points(OPERATION, zones, "noise", noise)?;
    check::owners(OPERATION, owners, noise.size()[0], zones)?;
    if host::applies(zones, noise) {
        host::to_latents(flow, zones, owners, noise)
    } else {
        device::to_latents(flow, zones, owners, noise)
    }
}

/// Carries latents to the anchors and records the log-probability of each sample's own anchor at every evaluation.
///
/// Differentiable with respect to latents, anchors and weights.
///
/// # Shapes
/// `latents: [B, d]`, `owners: [B]` int64, rows of the anchors.
///
/// # Errors
/// Shapes and kinds that do not fit, owners out of range, negative weights, an owner of weight zero, values that are not finite.
pub fn to_anchors(
    flow: &ZoneFlow,
    latents: &Tensor,
    zones: &Zones<'_>,
    owners: &Tensor,
) -> Result<Assignment, TorchError> {
    const OPERATION: &str = "to_anchors";
    check::zones_and_points(OPERATION, zones, "latents", latents)?;
    check::owners(OPERATION, owners, latents.size()[0], zones)?;
    if host::applies(zones, latents) {
        host::to_anchors(flow, latents, zones, owners)
    } else {
        device::to_anchors(flow, latents, zones, owners)
    }
}

/// Carries latents to the anchors and records the log-probabilities of all anchors: end points `[B, d]` and
/// `[steps, B, N]`, without gradients. For inspection; [`to_anchors`] needs a fraction of the memory.
///
/// # Errors
/// Shapes and kinds that do not fit, negative weights, values that are not finite.
pub fn all_log_probs(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<(Tensor, Tensor), TorchError> {
    let all = log_probs_of_steps(flow, latents, zones)?;
    Ok((end_points(flow, latents, zones)?, all))
}

/// The log-probabilities of all anchors at the anchors' end of the flow, `[B, N]`, without gradients.
///
/// # Errors
/// As [`all_log_probs`].
pub fn final_log_probs(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<Tensor, TorchError> {
    // Those of every step are in memory for as many latents as go together.
    const TOGETHER: i64 = 256;
    let parts = latents.split(TOGETHER, 0).into_iter();
    let parts = parts.map(|part| Ok(log_probs_of_steps(flow, &part, zones)?.select(0, -1)));
    Ok(Tensor::cat(&parts.collect::<Result<Vec<_>, TorchError>>()?, 0))
}

/// `[steps, B, N]`.
fn log_probs_of_steps(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<Tensor, TorchError> {
    check::zones_and_points("all_log_probs", zones, "latents", latents)?;
    let all = match host::applies(zones, latents) {
        true => host::all_log_probs(flow, latents, zones)?,
        false => device::all_log_probs(flow, latents, zones),
    };
    Ok(all.to_kind(latents.kind()))
}

/// The anchor whose zone each latent lies in: flow to the anchors, then the nearest. `[B]` int64, without gradients.
///
/// # Errors
/// Shapes and kinds that do not fit, negative weights, values that are not finite.
pub fn decide(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<Tensor, TorchError> {
    check::zones_and_points("decide", zones, "latents", latents)?;
    Ok(nearest(&end_points(flow, latents, zones)?, zones.anchors))
}

/// The share of `latents [B, d]` whose converged flow ends at their own anchor (see [`lzn_latent::zone_hit_rate`]); computed in main
/// memory, without gradients.
///
/// # Errors
/// Shapes and kinds that do not fit, owners out of range, negative weights, values that are not finite.
pub fn hit_rate(latents: &Tensor, zones: &Zones<'_>, owners: &Tensor) -> Result<f64, TorchError> {
    const OPERATION: &str = "hit_rate";
    check::zones_and_points(OPERATION, zones, "latents", latents)?;
    check::owners(OPERATION, owners, latents.size()[0], zones)?;
    let here = |tensor: &Tensor| tensor.detach().to_device(tch::Device::Cpu);
    let (anchors, weights) = (here(zones.anchors), zones.weights.map(here));
    host::hit_rate(&here(latents), &Zones { anchors: &anchors, weights: weights.as_ref() }, owners)
}

/// Where latents end up when they flow back: at the anchors of their zones, up to the error of the solver. Without gradients to anyone.
///
/// # Shapes
/// `latents: [B, d]`, result `[B, d]`.
///
/// # Errors
/// As [`to_anchors`].
pub fn end_points(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<Tensor, TorchError> {
    check::zones_and_points("end_points", zones, "latents", latents)?;
    match host::applies(zones, latents) {
        true => host::end_points(flow, latents, zones),
        false => Ok(device::end_points(flow, latents, zones)),
    }
}

/// Double precision if one side has it, else single precision.
fn kind_of_computation(zones: &Zones<'_>, points: &Tensor) -> Kind {
    let double = zones.anchors.kind() == Kind::Double || points.kind() == Kind::Double;
    if double { Kind::Double } else { Kind::Float }
}

/// The nearest anchor of each end point: the decision of a classifier.
///
/// # Shapes
/// `end_points: [B, d]`, `anchors: [N, d]`, result `[B]` int64. Of equally near anchors the first wins.
pub fn nearest(end_points: &Tensor, anchors: &Tensor) -> Tensor {
    tch::no_grad(|| {
        // |p - a|^2 without |p|^2, which all anchors share; in double precision, since near anchors differ in the last digits.
        let (points, anchors) = (end_points.to_kind(Kind::Double), anchors.to_kind(Kind::Double));
        let centre = anchors.mean_dim(0, true, Kind::Double);
        let (points, anchors) = (points - &centre, anchors - centre);
        let half_squares = anchors.square().sum_dim_intlist(1, false, Kind::Double) * 0.5;
        (points.matmul(&anchors.tr()) - half_squares).argmax(1, false)
    })
}
