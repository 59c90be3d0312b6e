//! Where each row of a tile begins to be integrated: behind its free flight.

use ndarray::{Array2, ArrayView1, ArrayViewMut2};

use super::catch_up::Rest;
use crate::bases::Bases;
use crate::distance::NEAR;
use crate::kernels::takeoff::Parabolas;
use crate::kernels::vectorised;
use crate::kernels::vectors::difference_dot;
use crate::point::{Point, Scratch};
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
    /// Whether the scratch memory holds the products of all rows with all anchors at node 0, up to a constant per row.
    pub(super) has_products: bool,
}

impl<F: Real> Schedule<F> {
    /// The rows that have started by node `k`.
    pub(super) fn active(&self, k: usize) -> Vec<usize> {
        (0..self.entries.len()).filter(|row| self.entries[*row] <= k).collect()
    }

    /// How many evaluations the rows need together.
    pub(super) fn evaluations(&self, plan: &Plan) -> usize {
        self.entries.iter().map(|entry| plan.nodes().len().saturating_sub(*entry)).sum()
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
    let mut slopes = Point { anchors, bases, rows: &rows, taus: &taus, z: z.view() }.products(scratch);
    for (i, mut row) in slopes.rows_mut().into_iter().enumerate() {
        let row = row.as_slice_mut().unwrap_or_default();
        to_slopes(anchors, bases, i, z.row(i).as_slice().unwrap_or(&[]), row);
    }
    match plan.unit() {
        Unit::Tau => free_flight(plan, anchors, bases, slopes),
        Unit::Horizon(horizon) => at_horizons(horizon, anchors, bases, merged, slopes),
    }
}

/// The parabolas of row `i`.
fn parabolas<'a, F: Real>(anchors: &'a Anchors<F>, bases: &'a Bases<F>, i: usize, slopes: &'a [F]) -> Parabolas<'a, F> {
    let zones = bases.zones(anchors, i, F::zero());
    Parabolas { slopes, half_distances: zones.half_distances, log_weights: zones.log_weights, own: zones.base }
}

/// Turns the products `z.a_j` of a row into `z.(a_j - a_own)`, by differences where anchors are near.
fn to_slopes<F: Real>(anchors: &Anchors<F>, bases: &Bases<F>, i: usize, z: &[F], row: &mut [F]) {
    let own = bases.index[i];
    let (half_distances, of_own) = (bases.half_distances.row(i), row[own]);
    row.iter_mut().for_each(|x| *x -= of_own);
    let near = F::of(NEAR) * anchors.half_squares()[own];
    for (j, half) in half_distances.iter().enumerate() {
        if *half < near {
            row[j] = difference_dot(z, anchors.point(j), anchors.point(own));
        }
    }
}

/// A published grid: nodes at which all other zones together are negligible are left out.
fn free_flight<F: Real>(
    plan: &Plan,
    anchors: &Anchors<F>,
    bases: &Bases<F>,
    slopes: ArrayViewMut2<'_, F>,
) -> Schedule<F> {
    let below = F::of((anchors.len() as f64 / F::NEGLIGIBLE).ln());
    let mut roots = vec![F::zero(); anchors.len()];
    let mut entry = |(i, slopes): (usize, ArrayView1<'_, F>)| {
        vectorised(
            #[inline(always)]
            || {
                let parabolas = parabolas(anchors, bases, i, slopes.to_slice().unwrap_or_default());
                let takeoff = parabolas.farthest_root(below, &mut roots);
                // Beyond the take-off all of them can only be negligible; nearer they still may.
                let straight = |tau: F| tau > takeoff || parabolas.mass(tau) <= F::of(F::NEGLIGIBLE);
                plan.nodes().iter().take_while(|node| straight(F::of(node.tau()))).count()
            },
        )
    };
    let entries: Vec<usize> = slopes.rows().into_iter().enumerate().map(&mut entry).collect();
    Schedule { units: vec![F::one(); entries.len()], entries, rests: Vec::new(), has_products: false }
}

/// Our own grid: from each row's horizon. A row with near neighbours follows these alone up to the horizon of all the others.
fn at_horizons<F: Real>(
    horizon: Horizon,
    anchors: &Anchors<F>,
    bases: &Bases<F>,
    merged: f64,
    mut slopes: ArrayViewMut2<'_, F>,
) -> Schedule<F> {
    let rows = bases.index.len();
    // A horizon of less mass than what counts as faint lies farther out than that.
    let early = horizon.mass * Horizon::EARLY;
    let below = F::of((anchors.len() as f64 / Horizon::FAINT.min(early)).ln());
    let (merged, mass, early) = (F::of(merged), F::of(horizon.mass), F::of(early));
    let mut roots = vec![F::zero(); anchors.len()];
    let mut schedule =
        Schedule { entries: vec![0; rows], units: vec![F::zero(); rows], rests: Vec::new(), has_products: true };
    for (i, mut slopes) in slopes.rows_mut().into_iter().enumerate() {
        let slopes = slopes.as_slice_mut().unwrap_or_default();
        let begin = |slopes: &[F], roots: &mut [F], mass: F| {
            vectorised(
                #[inline(always)]
                || {
                    let parabolas = parabolas(anchors, bases, i, slopes);
                    let far = parabolas.farthest_root(below, roots);
                    parabolas.horizon(far, mass)
                },
            )
        };
        let first = begin(slopes, &mut roots, mass);
        if first <= merged {
            schedule.units[i] = first;
            continue;
        }
        let first = begin(slopes, &mut roots, early);
        let near: Vec<u32> = (0..roots.len()).filter(|j| roots[*j] > merged).map(|j| j as u32).collect();
        // Its state at node 0 will be another one, and the slopes are now without its near neighbours.
        schedule.has_products = false;
        near.iter().for_each(|j| slopes[*j as usize] = F::neg_infinity());
        let rest = begin(slopes, &mut roots, mass);
        let end = if rest > F::zero() { rest.max(merged * F::of(Horizon::LATEST)).min(merged) } else { merged };
        schedule.units[i] = end;
        schedule.rests.push(Rest { row: i, own: bases.index[i], near, begin: first, end });
    }
    schedule
}
