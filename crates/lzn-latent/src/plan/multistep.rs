//! Adams-Bashforth of order 2 in `tau`, from where zones begin to mix: few evaluations, all of them where something happens.
//!
//! The grid is `tau_k = T (1 - k / n)^1.15` with the horizon `T` of each row, so it shrinks with the anchors and does not depend on
//! their scale, as the exact map does not. Before its horizon the rate of a row is zero, which is what the first step takes for
//! the evaluation that it lacks. The last step knows the rate at the prior and integrates the quadratic through it and the
//! last two evaluations.

use super::{EndPoint, Horizon, Node, Plan, Unit};

/// How much denser the grid is at the prior than at the horizon: little. Evenly spaced nodes have the best gradients and the
/// least error where anchors are spread, denser ones at the prior put more latents of clusters into their own zones.
const POWER: f64 = 1.15;

/// The same on the way back.
const POWER_BACK: f64 = 1.5;

/// Dense evaluations towards the anchors for each one towards the prior: there is no free end point, and the fate of a latent
/// near a border is decided late.
const REVERSE: usize = 3;

/// Steps of constant ratio beyond the dense ones, at most. They span seven orders of magnitude of distances between anchors.
const BEYOND: usize = 72;

/// Ratio of successive clocks beyond the dense nodes.
const RATIO: f64 = 0.8;

/// A fifth of the own weight with up to six evaluations: what the path moves before that is little, and evaluations that are not spent
/// there are spent where it bends. With more of them the start would be the largest error, so it moves out, down to a tenth.
fn horizon(evaluations: usize) -> Horizon {
    Horizon { mass: (1.2 / evaluations as f64).clamp(0.1, 0.2), ratio: RATIO }
}

/// Anchors to prior with this many evaluations.
pub(super) fn to_latents(evaluations: usize) -> Plan {
    let tau: Vec<f64> = (0..evaluations).map(|k| (1.0 - k as f64 / evaluations as f64).powf(POWER)).collect();
    let last = evaluations - 1;
    let (closing, coefficient) = close(tau[last], last.checked_sub(1).map(|k| tau[k]));
    let node = |k: usize| {
        let coefficients = if k == last {
            closing.clone()
        } else {
            // The ghost before the first evaluation is as far away as the second, on the other side.
            let before = if k == 0 { 2.0 * tau[0] - tau[1] } else { tau[k - 1] };
            adams_bashforth(before, tau[k], tau[k + 1]).to_vec()
        };
        Node { tau: tau[k], coefficients }
    };
    Plan {
        start: 1.0,
        nodes: (0..evaluations).map(node).collect(),
        end: EndPoint::Prior { coefficient },
        unit: Unit::Horizon(horizon(evaluations)),
    }
}

/// Prior to anchors: dense evaluations up to the horizon, then on until every row has arrived.
pub(super) fn to_anchors(evaluations: usize) -> Plan {
    let dense = REVERSE * evaluations;
    let mut tau: Vec<f64> = (0..=dense).map(|k| (k as f64 / dense as f64).powf(POWER_BACK)).collect();
    tau.extend((1..=BEYOND).map(|k| RATIO.powi(-(k as i32))));
    let node = |k: usize| {
        let coefficients = match (k, tau.get(k + 1)) {
            (_, None) => Vec::new(),
            (0, Some(next)) => vec![next - tau[0]],
            (_, Some(next)) => adams_bashforth(tau[k - 1], tau[k], *next).to_vec(),
        };
        Node { tau: tau[k], coefficients }
    };
    Plan {
        start: 1.0,
        nodes: (0..tau.len()).map(node).collect(),
        end: EndPoint::Mean,
        unit: Unit::Horizon(horizon(evaluations)),
    }
}

/// Weights of the rates at `tau` and at `before` for a step to `next`: the integral of the line through both.
pub(crate) fn adams_bashforth(before: f64, tau: f64, next: f64) -> [f64; 2] {
    let step = next - tau;
    let lean = 0.5 * step * step / (tau - before);
    [step + lean, -lean]
}

/// Weights of the rates at `tau` and `before`, and of that at 0, for the step from `tau` to 0: the integral of the quadratic
/// through the three, or of the line without `before`.
fn close(tau: f64, before: Option<f64>) -> (Vec<f64>, f64) {
    let Some(before) = before else { return (vec![-0.5 * tau], -0.5 * tau) };
    let apart = before - tau;
    let newest = -tau * (3.0 * before - 2.0 * tau) / (6.0 * apart);
    let older = tau.powi(3) / (6.0 * before * apart);
    (vec![newest, older], -tau * (3.0 * before - tau) / (6.0 * before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_towards_the_prior_integrate_lines_and_the_last_one_quadratics() {
        for evaluations in [2, 5, 8, 12] {
            let plan = to_latents(evaluations);
            let EndPoint::Prior { coefficient } = plan.end_point() else { panic!("the end is the prior") };
            for (k, node) in plan.nodes().iter().enumerate().skip(1) {
                let last = k + 1 == evaluations;
                let next = if last { 0.0 } else { plan.nodes()[k + 1].tau() };
                for power in 0..=if last { 2 } else { 1 } {
                    let rate = |tau: f64| tau.powi(power);
                    let c = node.coefficients();
                    let mut step = c[0] * rate(node.tau()) + c[1] * rate(plan.nodes()[k - 1].tau());
                    step += if last { coefficient * rate(0.0) } else { 0.0 };
                    let exact = (next.powi(power + 1) - node.tau().powi(power + 1)) / f64::from(power + 1);
                    assert!((step - exact).abs() < 1e-14, "node {k} of {evaluations}, power {power}");
                }
            }
        }
    }

    #[test]
    fn the_way_to_the_anchors_goes_on_geometrically() {
        let plan = to_anchors(8);
        let taus: Vec<f64> = plan.nodes().iter().map(Node::tau).collect();
        let dense = 8 * REVERSE;
        assert_eq!((taus[0], taus[dense]), (0.0, 1.0));
        assert!(taus[dense..].windows(2).all(|pair| (pair[0] / pair[1] - 0.8).abs() < 1e-12));
        assert!(plan.nodes()[..dense + BEYOND].iter().zip(&taus[1..]).all(|(node, next)| {
            (node.coefficients().iter().sum::<f64>() - (next - node.tau())).abs() < 1e-9 * next
        }));
    }
}
