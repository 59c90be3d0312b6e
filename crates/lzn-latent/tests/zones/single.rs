//! Single against double precision at the limits that are promised: latents 1e-6, gradients 5e-6; 1e-4 with duplicates at 1e-3.

use lzn_latent::{Anchors, Solver};
use ndarray::Array2;

use crate::common::{each, flow, normal, relative_error};
use crate::converged::{clusters, duplicates};

const N: usize = 128;
const DIM: usize = 200;

fn widen(array: &Array2<f32>) -> Array2<f64> {
    array.mapv(f64::from)
}

/// Relative errors of latents and of the gradient in the anchors.
fn errors(points: &Array2<f64>, solver: Solver) -> (f64, f64) {
    // The same numbers in both precisions.
    let points = points.mapv(|x| x as f32);
    let noise = normal(600, points.nrows(), points.ncols()).mapv(|x| x as f32);
    let g = normal(601, points.nrows(), points.ncols()).mapv(|x| x as f32);
    let flow = flow(solver);
    let owners = each(points.nrows());
    let wide = Anchors::new(widen(&points)).unwrap();
    let expected = flow.trace_latents(&wide, &owners, widen(&noise).view()).unwrap();
    let gradient = expected.vjp(widen(&g).view()).unwrap();
    let got = flow.trace_latents(&Anchors::new(points).unwrap(), &owners, noise.view()).unwrap();
    let got_gradient = got.vjp(g.view()).unwrap();
    (
        relative_error(&widen(&got.latents().to_owned()), expected.latents()),
        relative_error(&widen(&got_gradient.anchors), gradient.anchors.view()),
    )
}

#[test]
fn single_precision_keeps_what_is_promised() {
    let sets = [
        ("randn", normal(602, N, DIM), (1e-6, 5e-6)),
        ("offset 100", normal(602, N, DIM) + 100.0, (1e-6, 5e-6)),
        ("clusters within .01", clusters(603, N, DIM, 0.01), (1e-6, 5e-6)),
        ("all within .01", normal(605, N, DIM) * 0.01, (1e-6, 5e-6)),
    ];
    let mut failures = Vec::new();
    let mut check = |name: &str, points: &Array2<f64>, solver: Solver, limits: (f64, f64)| {
        let got = errors(points, solver);
        if !(got.0 < limits.0 && got.1 < limits.1) {
            failures.push(format!("{name}, {solver:?}: latents off by {:e}, gradient by {:e}", got.0, got.1));
        }
    };
    for (name, points, limits) in sets {
        for solver in [Solver::euler(20), Solver::dpm(20), Solver::default()] {
            check(name, &points, solver, limits);
        }
    }
    let pairs = duplicates(606, N, DIM, 1e-3);
    for solver in [Solver::euler(20), Solver::default()] {
        check("duplicates at 1e-3", &pairs, solver, (1e-4, 1e-4));
    }
    // The grid of DPM-Solver++ begins where such pairs are just mixing, tau = 1e3, and evaluates them by products z.a_j, whose
    // rounding, 1e-6, comes into the logits times tau: 1e-3. (Euler's first step jumps over it, ours takes differences.)
    check("duplicates at 1e-3", &pairs, Solver::dpm(20), (1e-4, 5e-3));
    assert!(failures.is_empty(), "{failures:#?}");
}
