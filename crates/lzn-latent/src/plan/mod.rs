//! A solver written out as numbers: where the zones are evaluated, and how the values are combined.
//!
//! With `tau = (1 - t) / t` and `u = x / t` the flow of the zones is
//!
//! ```text
//! du / dtau = ahat(u, tau),      ahat = sum_j w_j a_j       (the mean of the anchors under the weights of the zones)
//! ```
//!
//! without any division by `t`. In these variables Euler's rule in `t` is Euler's rule in `tau`, and DPM-Solver++ (data
//! prediction, multistep) is a linear multistep rule with variable steps. So one small table of coefficients says all that a
//! backend must know, and host and torch execute the same table.

mod dpm;
mod euler;

use crate::Solver;

/// One evaluation of the zones and the step that follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    tau: f64,
    coefficients: Vec<f64>,
}

impl Node {
    /// The clock `tau = (1 - t) / t >= 0` of the evaluation; 0 at the prior.
    pub fn tau(&self) -> f64 {
        self.tau
    }

    /// `C_0, C_1, ...`, at most three: the step is `u += sum_m C_m ahat_{k-m}` over this and the preceding evaluations.
    ///
    /// Their sum is the difference of `tau` from this node to the next. Empty where no step follows.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }
}

/// How the end point `x` follows from the last state.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum EndPoint {
    /// `x = t u` at this latent time `t`, reached at this `tau`.
    State {
        /// Latent time of the end.
        t: f64,
        /// `(1 - t) / t`.
        tau: f64,
    },
    /// `x = ahat` of the last evaluation: what Euler's last step down to `t = 0` gives.
    Mean,
}

/// A solver in one direction as a linear multistep rule in `tau`.
///
/// # Example
/// Four Euler steps from the prior to the anchors evaluate the zones at t = 1, 3/4, 1/2, 1/4:
/// ```
/// use lzn_latent::{EndPoint, Solver, ZoneFlow};
///
/// let flow = ZoneFlow::new(Solver::euler(4))?;
/// let plan = flow.to_anchors_plan();
/// let taus: Vec<f64> = plan.nodes().iter().map(|node| node.tau()).collect();
/// assert_eq!(taus, [0.0, 1.0 / 3.0, 1.0, 3.0]);
/// assert_eq!(plan.end_point(), EndPoint::Mean);
/// # Ok::<(), lzn_latent::LatentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    start: f64,
    nodes: Vec<Node>,
    end: EndPoint,
}

impl Plan {
    /// Anchors to prior. The solver has been checked.
    pub(crate) fn to_latents(solver: &Solver) -> Self {
        match *solver {
            Solver::Euler { steps, start } => euler::to_latents(steps, start),
            Solver::DpmSolver { steps, order, start, end } => dpm::plan(steps, order, start, 1.0 - end),
        }
    }

    /// Prior to anchors. The solver has been checked.
    pub(crate) fn to_anchors(solver: &Solver) -> Self {
        match *solver {
            Solver::Euler { steps, .. } => euler::to_anchors(steps),
            Solver::DpmSolver { steps, order, start, end } => dpm::plan(steps, order, 1.0 - end, start),
        }
    }

    /// Latent time `t` of the first state: `u = x / t` there.
    pub fn start(&self) -> f64 {
        self.start
    }

    /// The evaluations, in order; never empty.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// How the end point follows.
    pub fn end_point(&self) -> EndPoint {
        self.end
    }

    /// How many evaluations of the past (this one included) a step uses at most.
    pub fn history(&self) -> usize {
        self.nodes.iter().map(|node| node.coefficients.len()).max().unwrap_or(0).max(1)
    }
}

/// `(1 - t) / t`.
fn tau_of(t: f64) -> f64 {
    (1.0 - t) / t
}
