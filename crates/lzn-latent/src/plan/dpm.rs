//! DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095), multistep, data prediction, times of equal distance.
//!
//! In the clock `lambda = ln tau` the solver integrates `exp(lambda) ahat(lambda)` exactly for a polynomial `ahat` through the
//! last evaluations, whose divided differences are D1, D2. Multiplying the published update by `1 / sigma` turns it into
//! `u += sum_m C_m ahat_{k-m}`; the functions below are that, collected by evaluation.
//!
//! A property of the published update that its name hides: it weighs D2 with `-phi3`, while the integral of the quadratic
//! through the three values needs `-2 phi3`. "Order 3" is therefore exact for lines in lambda only, and converges with order 2.
//! We keep it, because trained models have seen it.

use super::{EndPoint, Node, Plan, Unit, tau_of};

/// With fewer steps than this the published solver lowers its order towards the end.
const FEW_STEPS: usize = 10;

/// From latent time `from` to latent time `to`, in either direction.
pub(super) fn plan(steps: usize, order: usize, from: f64, to: f64) -> Plan {
    let tau: Vec<f64> = (0..=steps).map(|k| tau_of(from + (to - from) * k as f64 / steps as f64)).collect();
    let node = |k: usize| {
        let known = order.min(k + 1);
        let order = if steps < FEW_STEPS { known.min(steps - k) } else { known };
        Node { tau: tau[k], coefficients: coefficients(&tau, k, order) }
    };
    let end = EndPoint::State { t: to, tau: tau[steps] };
    Plan { start: from, nodes: (0..steps).map(node).collect(), end, unit: Unit::Tau }
}

/// Coefficients of the step from node `k` to node `k + 1`.
fn coefficients(tau: &[f64], k: usize, order: usize) -> Vec<f64> {
    let step = tau[k + 1] - tau[k];
    if order == 1 {
        return vec![step];
    }
    let lambda = |k: usize| tau[k].ln();
    let h = lambda(k + 1) - lambda(k);
    let r0 = (lambda(k) - lambda(k - 1)) / h;
    if order == 2 {
        // step * (ahat_0 + D1 / 2) with D1 = (ahat_0 - ahat_1) / r0.
        let half = step / (2.0 * r0);
        return vec![step + half, -half];
    }
    let r1 = (lambda(k - 1) - lambda(k - 2)) / h;
    let (phi2, phi3) = phi(h);
    // Factors of the two divided differences (ahat_0 - ahat_1) / r0 and (ahat_1 - ahat_2) / r1.
    let q = r0 / (r0 + r1);
    let (first, second) = (tau[k + 1] * phi2, -tau[k + 1] * phi3);
    let e0 = first * (1.0 + q) + second / (r0 + r1);
    let e1 = -(first * q + second / (r0 + r1));
    vec![step + e0 / r0, -e0 / r0 + e1 / r1, -e1 / r1]
}

/// `phi2 = expm1(-h) / h + 1` and `phi3 = phi2 / h - 1 / 2`.
fn phi(h: f64) -> (f64, f64) {
    // Below this the closed forms cancel; the series converges in a few terms.
    const SMALL: f64 = 0.5;
    if h.abs() >= SMALL {
        let phi2 = (-h).exp_m1() / h + 1.0;
        return (phi2, phi2 / h - 0.5);
    }
    // phi3 = sum_{i >= 1} (-h)^i / (i + 2)!
    let (mut term, mut phi3) = (0.5, 0.0);
    for i in 1..20 {
        term *= -h / f64::from(i + 2);
        phi3 += term;
    }
    (h * (phi3 + 0.5), phi3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_moves_tau_by_its_whole_length() {
        for order in 1..=3 {
            for steps in [1, 2, 3, 5, 9, 10, 40] {
                for (from, to) in [(1e-3, 0.999), (0.97, 2e-3)] {
                    let plan = plan(steps, order, from, to);
                    for (k, node) in plan.nodes().iter().enumerate() {
                        let next = plan.nodes().get(k + 1).map_or(tau_of(to), Node::tau);
                        let sum: f64 = node.coefficients().iter().sum();
                        let size: f64 = node.coefficients().iter().map(|c| c.abs()).sum();
                        assert!(
                            (sum - (next - node.tau())).abs() <= 1e-13 * size,
                            "order {order}, step {k} of {steps}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn few_steps_come_down_in_order_and_many_do_not() {
        let orders =
            |steps| plan(steps, 3, 1e-3, 0.999).nodes().iter().map(|n| n.coefficients().len()).collect::<Vec<_>>();
        assert_eq!(orders(5), [1, 2, 3, 2, 1]);
        assert_eq!(orders(9), [1, 2, 3, 3, 3, 3, 3, 2, 1]);
        assert_eq!(orders(10), [1, 2, 3, 3, 3, 3, 3, 3, 3, 3]);
    }

    #[test]
    fn series_and_closed_form_of_phi_agree_where_they_meet() {
        for h in [0.499_999_999_f64, -0.499_999_999] {
            let (near, far) = (phi(h), phi(h / 0.999_999));
            assert!((near.0 - far.0).abs() < 1e-6 && (near.1 - far.1).abs() < 1e-6);
            let exact = (-h).exp_m1() / h + 1.0;
            assert!((near.0 - exact).abs() < 1e-15);
            assert!((near.1 - (exact / h - 0.5)).abs() < 1e-14);
        }
    }

    #[test]
    fn order_three_integrates_a_line_in_lambda_exactly() {
        // ahat = 1 + lambda: the integral of tau ahat over lambda is tau lambda.
        let plan = plan(12, 3, 0.9, 0.1);
        let integral = |tau: f64| tau * tau.ln();
        for k in 2..plan.nodes().len() {
            let value = |m: usize| 1.0 + plan.nodes()[k - m].tau().ln();
            let step: f64 = plan.nodes()[k].coefficients().iter().enumerate().map(|(m, c)| c * value(m)).sum();
            let next = plan.nodes().get(k + 1).map_or(tau_of(0.1), Node::tau);
            let exact = integral(next) - integral(plan.nodes()[k].tau());
            assert!((step - exact).abs() < 1e-13 * exact.abs().max(1.0), "step {k}: {step} against {exact}");
        }
    }
}
