//! Solvers converge to the solution at their order.

use lzn_latent::Solver;

use crate::common::{anchors, distance, each, flow, normal};

/// The ends are moderate, so that the solution is smooth at these steps: orders show only then.
fn solver(steps: usize, order: usize) -> Solver {
    Solver::DpmSolver { steps, order, start: 0.3, end: 0.1 }
}

/// Observed order between `steps` and twice as many, both ways, against a much finer solution.
fn observed(steps: usize, make: impl Fn(usize) -> Solver) -> [f64; 2] {
    let (n, dim) = (8, 3);
    let (points, noise) = (anchors(&normal(60, n, dim)), normal(61, n, dim));
    let forward = |steps| flow(make(steps)).to_latents(&points, &each(n), noise.view()).unwrap();
    let back = |steps| flow(make(steps)).to_anchors(noise.view(), &points, None).unwrap().end_points;
    let order = |run: &dyn Fn(usize) -> ndarray::Array2<f64>| {
        let exact = run(64 * steps);
        (distance(&run(steps), &exact) / distance(&run(2 * steps), &exact)).log2()
    };
    [order(&forward), order(&back)]
}

#[test]
fn euler_converges_with_order_one() {
    // Only towards the prior: backwards the last step jumps from t = 1/n to 0, where nothing is left to converge.
    let [forward, _] = observed(200, |steps| Solver::Euler { steps, start: 0.3 });
    assert!((forward - 1.0).abs() < 0.1, "{forward}");
}

#[test]
fn dpm_solver_converges_with_orders_one_and_two() {
    for (order, expected) in [(1, 1.0), (2, 2.0)] {
        for observed in observed(200, |steps| solver(steps, order)) {
            assert!((observed - expected).abs() < 0.15, "order {order}: {observed}");
        }
    }
}

/// The published third-order update weighs the second difference by half of what third order needs, so it is of order two,
/// with a smaller constant. See `plan/dpm.rs`.
#[test]
fn the_published_order_three_converges_with_order_two() {
    for observed in observed(200, |steps| solver(steps, 3)) {
        assert!((observed - 2.0).abs() < 0.15, "{observed}");
    }
}

#[test]
fn all_solvers_agree_in_the_limit() {
    let (n, dim) = (8, 3);
    let (points, noise) = (anchors(&normal(62, n, dim)), normal(63, n, dim));
    let run = |solver| flow(solver).to_latents(&points, &each(n), noise.view()).unwrap();
    let ends = |steps, order| Solver::DpmSolver { steps, order, start: 1e-3, end: 1e-6 };
    let exact = run(ends(20_000, 2));
    for (solver, limit) in [(Solver::euler(20_000), 2e-3), (ends(20_000, 1), 2e-3), (ends(20_000, 3), 1e-5)] {
        let error = distance(&run(solver), &exact);
        assert!(error < limit, "{solver:?}: {error:e}");
    }
}
