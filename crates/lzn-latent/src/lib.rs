//! The mathematics of Latent Zoning Networks (Lin et al. 2025, arXiv 2509.15591): zones, their flow, assignment, and exact
//! gradients, on ndarray.
//!
//! One Gaussian in `R^d` is shared by the *anchors* present, one per sample or per label. They cut it into *zones*, one per
//! anchor, by a flow between the anchors and the Gaussian:
//!
//! ```text
//!   latent time  t = 0                                   t = 1
//!   anchors a_j  ------------- to_latents ------------->  prior N(0, I)
//!                <------------ to_anchors --------------
//!
//!   path       x_t = (1 - t) a + t e,   e ~ N(0, I)
//!   weights    w_j(x, t) = softmax_j( log c_j - |x - (1 - t) a_j|^2 / 2t^2 )
//!   velocity   dx/dt = (x - sum_j w_j a_j) / t
//! ```
//!
//! A latent lies in the zone of the anchor that the flow carries it back to. The weights `c_j` of the anchors set the shares
//! of their zones; without them all shares are equal.
//!
//! | operation | in | out |
//! |---|---|---|
//! | [`ZoneFlow::to_latents`] | anchors `[N, d]`, owners `[B]`, noise `[B, d]` | latents `[B, d]` |
//! | [`ZoneFlow::to_anchors`] | latents `[B, d]`, anchors `[N, d]`, owners `[B]` | end points `[B, d]`, own log-probabilities `[steps, B]` |
//! | [`alignment`] | own log-probabilities `[steps, B]` | loss and gradient |
//! | [`zone_hit_rate`] | latents `[B, d]`, anchors `[N, d]`, owners `[B]` | share of latents in their own zone |
//! | [`field`] | points `[B, d]`, anchors `[N, d]`, `t` | weights, mean, velocity, log-partition |
//! | [`nearest`] | end points `[B, d]`, anchors `[N, d]` | decisions `[B]` |
//! | [`Anchors::sampled`] | very many anchors `[N, d]` | both directions at a fraction of the work, with a known error |
//!
//! `N` anchors, `B` samples (rows), `d` dimensions; `steps` is the number of evaluations of the zones. `owners[i] < N` names
//! the anchor of row `i`; owners may repeat and may be a subset. Noise is an argument; nothing here draws. Each function refuses
//! what is not finite, has the wrong shape or names an anchor that is not there, with a [`LatentError`] that holds the argument
//! and the rows.
//!
//! The traced variants ([`ZoneFlow::trace_latents`], [`ZoneFlow::trace_anchors`]) give the exact gradients of the steps taken.
//! Nothing here has the size `[B, N, d]`: an evaluation of the zones is two matrix products. Results are the same to the last
//! bit whether threads are used or not. `lzn-torch` executes the same [`Plan`]s on tensors.
//!
//! # How it is computed
//!
//! | clock | at the anchors | at the prior | where |
//! |---|---|---|---|
//! | `t` | 0 | 1 | arguments and documentation |
//! | `tau = (1 - t) / t` | infinity | 0 | [`Plan`], inside |
//!
//! With `u = x / t` the flow is `du/dtau = ahat`, the mean of the anchors under the weights, and every solver is a linear
//! multistep rule ([`Plan`]). Each row is written relative to a near anchor, its *base*: `z = u - tau a_base`. On the way to the prior
//! `z` begins as the noise itself and ends as the latent, and single precision keeps all its digits even where anchors are tight or
//! nearly equal. Rows are worked on in tiles against all anchors, so that memory is proportional to samples and anchors,
//! never to their product. A row whose path is still straight is not evaluated at all.
//!
//! Moving or scaling all anchors leaves the zones as they are. So does [`Solver::default`], whose steps are multiples of where the zones
//! of each row begin to mix; a published grid, fixed in `t`, is accurate for one scale of anchors only.
//!
//! # Features
//! `rayon` (default): tiles of rows on threads, with the same results.

/// The arrays of this crate's signatures.
pub use ndarray;

pub mod alignment;
pub mod field;

mod anchors;
mod bases;
mod distance;
mod error;
mod flow;
mod forward;
mod history;
mod kernels;
mod nearest;
mod plan;
mod point;
mod real;
mod reverse;
mod sampled;
mod sink;
mod solver;
mod team;
mod tiles;

pub use anchors::Anchors;
pub use error::{LatentError, Rows};
pub use flow::{Parallel, ZoneFlow};
pub use forward::{LatentGradients, LatentTrace, Work};
pub use nearest::{nearest, zone_hit_rate};
pub use plan::{EndPoint, Horizon, Node, Plan, Scheme, Unit};
pub use real::Real;
pub use reverse::{AnchorTrace, Assignment, AssignmentGradients};
pub use sampled::{Estimate, SampledAnchors, SampledTrace, Sampling};
pub use solver::Solver;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
