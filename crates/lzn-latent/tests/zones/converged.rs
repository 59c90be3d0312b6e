//! A converged solver, and sets of anchors that are hard in different ways.

use lzn_latent::{Anchors, EndPoint, Horizon, LatentError, Node, Plan, Scheme, Solver, Unit, ZoneFlow};
use ndarray::{Array2, s};

use crate::common::{anchors, normal};

/// Our scheme with as many evaluations as one likes, starting where the other zones weigh `mass`, in finer steps beyond the
/// dense nodes. Its error goes to zero with both; that of [`Solver::multistep`] stays at what the default mass leaves out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Converged {
    pub(crate) evaluations: usize,
    pub(crate) mass: f64,
}

impl Converged {
    /// Ratio of successive clocks beyond the dense nodes: refined with these, or its error would stay.
    fn ratio(self) -> f64 {
        0.5_f64.powf(8.0 / self.evaluations as f64)
    }

    fn unit(self) -> Unit {
        Unit::Horizon(Horizon { mass: self.mass, ratio: self.ratio() })
    }
}

impl Scheme for Converged {
    fn to_latents(&self) -> Result<Plan, LatentError> {
        let plan = Solver::multistep(self.evaluations).to_latents()?;
        Plan::new(plan.start(), plan.nodes().to_vec(), plan.end_point(), self.unit())
    }

    fn to_anchors(&self) -> Result<Plan, LatentError> {
        let n = self.evaluations;
        let mut taus: Vec<f64> = (0..=n).map(|k| (k as f64 / n as f64).powf(1.5)).collect();
        let octaves = 27 * n as i32 / 8;
        taus.extend((1..=octaves).map(|k| self.ratio().powi(-k)));
        let node = |k: usize| {
            let coefficients = match taus.get(k + 1) {
                None => Vec::new(),
                Some(next) => {
                    let step = next - taus[k];
                    let lean = if k == 0 { 0.0 } else { 0.5 * step * step / (taus[k] - taus[k - 1]) };
                    vec![step + lean, -lean]
                }
            };
            Node::new(taus[k], coefficients)
        };
        Plan::new(1.0, (0..taus.len()).map(node).collect(), EndPoint::Mean, self.unit())
    }
}

pub(crate) fn converged(evaluations: usize) -> ZoneFlow {
    ZoneFlow::new(Converged { evaluations, mass: 1e-10 }).unwrap()
}

/// Standard normal anchors.
pub(crate) fn randn(seed: u64, n: usize, dim: usize) -> Array2<f64> {
    normal(seed, n, dim)
}

/// Ten clusters of this variance inside, of total variance one.
pub(crate) fn clusters(seed: u64, n: usize, dim: usize, within: f64) -> Array2<f64> {
    let (centres, rest) = (normal(seed, 10, dim), normal(seed + 1, n, dim));
    Array2::from_shape_fn((n, dim), |(i, k)| {
        (1.0 - within).sqrt() * centres[[i % 10, k]] + within.sqrt() * rest[[i, k]]
    })
}

/// The second half of the anchors are copies of the first, this far away.
pub(crate) fn duplicates(seed: u64, n: usize, dim: usize, distance: f64) -> Array2<f64> {
    let mut points = normal(seed, n, dim);
    let mut offsets = normal(seed + 1, n / 2, dim);
    offsets.rows_mut().into_iter().for_each(|mut row| {
        let scale = distance / row.dot(&row).sqrt();
        row *= scale;
    });
    let copies = &points.slice(s![..n / 2, ..]) + &offsets;
    points.slice_mut(s![n / 2.., ..]).assign(&copies);
    points
}

/// The families on which our solver is measured, with their names.
pub(crate) fn families(n: usize, dim: usize) -> Vec<(&'static str, Anchors<f64>)> {
    vec![
        ("randn", anchors(&randn(400, n, dim))),
        ("clusters within .1", anchors(&clusters(410, n, dim, 0.1))),
        ("clusters within .01", anchors(&clusters(420, n, dim, 0.01))),
        ("duplicates at .5", anchors(&duplicates(430, n, dim, 0.5))),
        ("duplicates at .05", anchors(&duplicates(440, n, dim, 0.05))),
    ]
}
