//! Where integration starts, row by row, and how the steps lie.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::field::squared_distances;

/// Weight of all other zones together at the start, with the noise in place of the state.
const START: f64 = 1e-10;

/// Part of the clock of the whole anchor set below which steps are uniform.
const KNEE: f64 = 0.5;

/// Length of a step in `s` on the longest way, and fewest steps of any way.
const LENGTH: f64 = 0.045;
const FEWEST: usize = 40;

/// The grid of some rows: `tau = knee (exp(s) - 1)` with `s` in equal steps from the row's start down to 0.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    knee: f64,
    starts: Array1<f64>,
}

impl Grid {
    /// Rows with these owners and this noise. `anchors` have mean zero.
    pub(super) fn of(anchors: &Array2<f64>, owners: &[usize], noise: ArrayView2<'_, f64>) -> Self {
        let distances = squared_distances(anchors, owners);
        let products = noise.dot(&anchors.t());
        let limit = (anchors.nrows() as f64 / START).ln();
        let starts = owners.iter().enumerate().map(|(i, &own)| {
            let pairs = products.row(i).into_iter().zip(distances.row(i));
            pairs
                .map(|(product, distance)| free_flight(product - products[[i, own]], *distance, limit))
                .fold(0.0, f64::max)
        });
        Self { knee: KNEE * bulk(anchors), starts: starts.collect() }
    }

    /// Steps that suffice.
    pub(super) fn steps(&self) -> usize {
        let longest = (self.largest() / self.knee).ln_1p();
        ((longest / LENGTH).ceil() as usize).max(FEWEST)
    }

    /// The clock of every row before step `k` of `steps`; 0 behind the last.
    pub(super) fn taus(&self, k: usize, steps: usize) -> Array1<f64> {
        let rest = (steps - k) as f64 / steps as f64;
        self.starts.mapv(|start| self.knee * (rest * (start / self.knee).ln_1p()).exp_m1())
    }

    /// The largest start.
    pub(super) fn largest(&self) -> f64 {
        self.starts.fold(0.0, |largest: f64, start| largest.max(*start))
    }

    /// Clocks from 0 up to `end`, for the way back.
    pub(super) fn upwards(&self, end: f64) -> Vec<f64> {
        let way = Self { knee: self.knee, starts: Array1::from_elem(1, end) };
        let steps = way.steps();
        (0..=steps).map(|k| way.taus(steps - k, steps)[0]).collect()
    }
}

/// The `tau` from which on `s tau - D tau^2 / 2 <= -limit`; 0 for an exact duplicate, which exerts no force.
fn free_flight(s: f64, distance: f64, limit: f64) -> f64 {
    if distance > 0.0 { (s + (s * s + 2.0 * distance * limit).sqrt()) / distance } else { 0.0 }
}

/// The clock at which most of the anchors begin to mix, from their rms distance.
fn bulk(anchors: &Array2<f64>) -> f64 {
    let squares = anchors.map_axis(Axis(1), |row| row.dot(&row));
    let distance = (2.0 * squares.mean().unwrap_or(0.0)).sqrt();
    let depth = (2.0 * (anchors.nrows() as f64 / 0.1).ln()).sqrt() + 2.0;
    // Anchors in one point do not mix; any positive clock will do.
    if distance > 0.0 { depth / distance } else { 1.0 }
}
