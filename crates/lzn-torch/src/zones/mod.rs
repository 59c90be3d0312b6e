//! The flow of the zones as differentiable tensor operations, on any device.
//!
//! Same mathematics as `lzn-latent`, which holds the numbers of the solvers ([`ZoneFlow`](lzn_latent::ZoneFlow)) and explains
//! them; gradients come from libtorch. Single and double precision are computed as they are, half precisions in single
//! precision, since the flow begins at `tau = 1e4` and needs its square. Nothing here has the size `[B, N, d]`: one evaluation
//! is two matrix products.
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
mod few;
mod field;
mod forward;
mod reverse;
mod walk;

pub use forward::to_latents;
pub use reverse::{all_log_probs, decide, to_anchors};

use tch::Tensor;

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

/// The nearest anchor of each end point: the decision of a classifier.
///
/// # Shapes
/// `end_points: [B, d]`, `anchors: [N, d]`, result `[B]` int64. Of equally near anchors the first wins.
pub fn nearest(end_points: &Tensor, anchors: &Tensor) -> Tensor {
    tch::no_grad(|| {
        // |p - a|^2 without |p|^2, which all anchors share; in double precision, since near anchors differ in the last digits.
        let (points, anchors) = (end_points.to_kind(tch::Kind::Double), anchors.to_kind(tch::Kind::Double));
        let centre = anchors.mean_dim(0, true, tch::Kind::Double);
        let (points, anchors) = (points - &centre, anchors - centre);
        (points.matmul(&anchors.tr()) - field::half_squares(&anchors)).argmax(1, false)
    })
}
