//! Euler's rule: equal steps in `t`, which are plain differences in `tau`.

use super::{EndPoint, Node, Plan, Unit, tau_of};

/// From `start` to 1.
pub(super) fn to_latents(steps: usize, start: f64) -> Plan {
    let tau = |k: usize| if k == steps { 0.0 } else { tau_of(start + (1.0 - start) * k as f64 / steps as f64) };
    let nodes = (0..steps).map(|k| Node { tau: tau(k), coefficients: vec![tau(k + 1) - tau(k)] }).collect();
    Plan { start, nodes, end: EndPoint::State { t: 1.0, tau: 0.0 }, unit: Unit::Tau }
}

/// From 1 to 0. The last step would carry `tau` to infinity; in `x` it lands on the mean of the anchors.
pub(super) fn to_anchors(steps: usize) -> Plan {
    // t = (n - k) / n, hence tau = k / (n - k), exact in the first and the last node.
    let tau = |k: usize| k as f64 / (steps - k) as f64;
    let node = |k: usize| Node {
        tau: tau(k),
        coefficients: if k + 1 == steps { Vec::new() } else { vec![tau(k + 1) - tau(k)] },
    };
    Plan { start: 1.0, nodes: (0..steps).map(node).collect(), end: EndPoint::Mean, unit: Unit::Tau }
}
