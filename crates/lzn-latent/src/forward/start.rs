//! Where each row of a tile begins to be integrated: behind its free flight.

use ndarray::Array2;

use super::catch_up::Rest;
use crate::distance::NEAR;
use crate::kernels::takeoff::Parabolas;
use crate::kernels::vectorised;
use crate::kernels::vectors::difference_dot;
use crate::point::{Bases, Point, Scratch};
use crate::{Anchors, Horizon, Plan, Real, Unit};

/// When each row of a tile starts. Gradients take all of it as constant.
#[derive(Debug, Clone)]
pub(super) struct Schedule<F> {
    /// First node of each row; as many as there are nodes if it needs none.
    pub(super) entries: Vec<usize>,
    /// What the plan's numbers are multiples of, for each row.
    pub(super) units: Vec<F>,
    /// Rows that have to catch up before node 0.
    pub(super) rests: Vec<Rest<F>>,
}

impl<F: Real> Schedule<F> {
    /// The rows that have started by node `k`.
    pub(super) fn active(&self, k: usize) -> Vec<usize> {
        (0..self.entries.len()).filter(|row| self.entries[*row] <= k).collect()
    }
}

/// Finds where the rows of a tile start, from their noise `z [rows, d]`.
pub(super) fn schedule<F: Real>(
    plan: &Plan,
    anchors: &Anchors<F>,
    bases: &Bases<F>,
    z: &Array2<F>,
    merged: f64,
    scratch: &mut Scratch<F>,
) -> Schedule<F> {
    let rows: Vec<usize> = (0..z.nrows()).collect();
    let taus = vec![F::zero(); rows.len()];
    let mut slopes = Point { anchors, bases, rows: &rows, taus: &taus, z }.products(scratch);
    for (i, mut row) in slopes.rows_mut().into_iter().enumerate() {
        let row = row.as_slice_mut().unwrap_or_default();
        to_slopes(anchors, bases, i, z.row(i).as_slice().unwrap_or(&[]), row);
    }
    let parabolas = |i: usize| {
        let zones = bases.zones(anchors, i, F::zero());
        let slopes = slopes.row(i).to_slice().unwrap_or(&[]);
        Parabolas { slopes, half_distances: zones.half_distances, log_weights: zones.log_weights, own: zones.base }
    };
    let mut roots = vec![F::zero(); anchors.len()];
    match plan.unit() {
        Unit::Tau => free_flight(plan, anchors, z.nrows(), parabolas, &mut roots),
        Unit::Horizon(horizon) => at_horizons(horizon, anchors, bases, merged, parabolas, &mut roots),
    }
}

/// Turns the products `z.a_j` of a row into `z.(a_j - a_own)`, by differences where anchors are near.
fn to_slopes<F: Real>(anchors: &Anchors<F>, bases: &Bases<F>, i: usize, z: &[F], row: &mut [F]) {
    let own = bases.index[i];
    let (half_distances, of_own) = (bases.half_distances.row(i), row[own]);
    row.iter_mut().for_each(|x| *x -= of_own);
    let near = F::of(4.0 * NEAR * anchors.half_squares()[own]);
    for (j, half) in half_distances.iter().enumerate() {
        if *half < near {
            row[j] = difference_dot(z, anchors.point(j), anchors.point(own));
        }
    }
}

/// A published grid: nodes before which the path is straight to all digits are left out.
fn free_flight<'a, F: Real>(
    plan: &Plan,
    anchors: &Anchors<F>,
    rows: usize,
    parabolas: impl Fn(usize) -> Parabolas<'a, F>,
    roots: &mut [F],
) -> Schedule<F> {
    let below = F::of((anchors.len() as f64 / F::NEGLIGIBLE).ln());
    let entry = |i: usize| {
        let takeoff = vectorised(
            #[inline(always)]
            || parabolas(i).farthest_root(below, roots),
        );
        plan.nodes().iter().take_while(|node| F::of(node.tau()) > takeoff).count()
    };
    Schedule { entries: (0..rows).map(entry).collect(), units: vec![F::one(); rows], rests: Vec::new() }
}

/// Our own grid: from each row's horizon, or from where anchors merge, up to which near neighbours are followed alone.
fn at_horizons<'a, F: Real>(
    horizon: Horizon,
    anchors: &Anchors<F>,
    bases: &Bases<F>,
    merged: f64,
    parabolas: impl Fn(usize) -> Parabolas<'a, F>,
    roots: &mut [F],
) -> Schedule<F> {
    let rows = bases.index.len();
    // A horizon of less mass than what counts as faint lies farther out than that.
    let below = F::of((anchors.len() as f64 / Horizon::FAINT.min(horizon.mass)).ln());
    let merged = F::of(merged);
    let mut schedule = Schedule { entries: vec![0; rows], units: vec![F::zero(); rows], rests: Vec::new() };
    for (i, unit) in schedule.units.iter_mut().enumerate() {
        let parabolas = parabolas(i);
        let begin = vectorised(
            #[inline(always)]
            || {
                let far = parabolas.farthest_root(below, roots);
                parabolas.horizon(far, F::of(horizon.mass))
            },
        );
        *unit = if begin < merged { begin } else { merged };
        if begin > merged {
            let near = (0..roots.len()).filter(|j| roots[*j] > merged).map(|j| j as u32).collect();
            schedule.rests.push(Rest { row: i, own: bases.index[i], near, begin, end: merged });
        }
    }
    schedule
}
