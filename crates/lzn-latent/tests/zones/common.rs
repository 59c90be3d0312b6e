//! Seeded draws, solvers, norms and the normal distribution.

use lzn_latent::{Anchors, Solver, ZoneFlow};
use lzn_random::{Purpose, Stream};
use ndarray::{Array, Array2, ArrayView, Dimension};

pub(crate) fn stream(seed: u64) -> Stream {
    Stream::new(seed, Purpose::new("test/zones"), [0; 3])
}

/// A matrix of standard normal draws.
pub(crate) fn normal(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_vec((rows, columns), stream(seed).normals_f64(rows * columns)).unwrap()
}

pub(crate) fn flow(solver: Solver) -> ZoneFlow {
    ZoneFlow::new(solver).unwrap()
}

/// DPM-Solver++ of this order between `1 / (1 + far)` and a hair before the prior.
pub(crate) fn dpm(steps: usize, order: usize) -> Solver {
    Solver::DpmSolver { steps, order, start: 1e-3, end: 1e-3 }
}

/// Both kinds of solver, every order, few and many steps.
pub(crate) fn solvers() -> Vec<Solver> {
    vec![Solver::euler(7), Solver::dpm(20), Solver::dpm(5), dpm(12, 2), dpm(4, 1)]
}

pub(crate) fn anchors(points: &Array2<f64>) -> Anchors<f64> {
    Anchors::new(points.clone()).unwrap()
}

/// Owners `0, 1, .., n - 1`.
pub(crate) fn each(n: usize) -> Vec<usize> {
    (0..n).collect()
}

/// `|got - expected| / |expected|` in the L2 norm.
pub(crate) fn relative_error<D: Dimension>(got: &Array<f64, D>, expected: ArrayView<'_, f64, D>) -> f64 {
    let difference: f64 = got.iter().zip(expected.iter()).map(|(a, b)| (a - b).powi(2)).sum();
    let norm: f64 = expected.iter().map(|b| b * b).sum();
    difference.sqrt() / norm.sqrt().max(f64::MIN_POSITIVE)
}

/// Largest absolute difference.
pub(crate) fn distance<D: Dimension>(a: &Array<f64, D>, b: &Array<f64, D>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.iter().zip(b.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Distribution function of the standard normal, by Simpson's rule on the density: slow and plain.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    let density = |s: f64| (-0.5 * s * s).exp() / std::f64::consts::TAU.sqrt();
    let n = 2000;
    let h = x / n as f64;
    let inner: f64 = (1..n).map(|i| if i % 2 == 1 { 4.0 } else { 2.0 } * density(h * i as f64)).sum();
    0.5 + h / 3.0 * (density(0.0) + inner + density(x))
}

/// Inverse of [`normal_cdf`] by bisection.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-9.0, 9.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if normal_cdf(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}
