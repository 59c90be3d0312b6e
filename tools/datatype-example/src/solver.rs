//! A solver of one's own: a scheme is two tables of numbers, which every engine of LZN then follows.

use lzn_latent::{EndPoint, LatentError, Node, Plan, Scheme, Solver, Unit};

/// Steps whose clock `tau = (1 - t) / t` falls by the same factor each, with the velocity of the middle of each step; on the way back
/// the solver of LZN.
#[derive(Debug, Clone, Copy)]
pub struct Geometric {
    /// Steps, at least 2.
    pub steps: usize,
}

impl Scheme for Geometric {
    fn to_latents(&self) -> Result<Plan, LatentError> {
        let (first, last) = (9_999.0_f64, 0.05);
        let factor = (last / first).powf(1.0 / (self.steps.max(2) - 1) as f64);
        let clock = (0..self.steps.max(2)).map(|step| first * factor.powi(step as i32)).chain([0.0]);
        let clock: Vec<f64> = clock.collect();
        let node = |pair: &[f64]| Node::new(0.5 * (pair[0] + pair[1]), vec![pair[1] - pair[0]]);
        Plan::new(1e-4, clock.windows(2).map(node).collect(), EndPoint::State { t: 1.0, tau: 0.0 }, Unit::Tau)
    }

    fn to_anchors(&self) -> Result<Plan, LatentError> {
        Solver::multistep(self.steps).to_anchors()
    }
}
