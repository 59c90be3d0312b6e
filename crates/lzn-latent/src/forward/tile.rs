//! Some rows on their way from their anchors to the prior, and back over it.

use std::collections::VecDeque;
use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::Work;
use super::catch_up::{self, CatchUp};
use super::start::{Schedule, schedule};
use super::states::States;
use crate::bases::Bases;
use crate::history::{Cotangents, Pace};
use crate::point::{Base, Point, Scratch, Targets};
use crate::sink::Sink;
use crate::{Anchors, EndPoint, Plan, Real, Unit};

/// What a tile keeps for its gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Nothing,
    States,
}

/// Rows that have arrived. The base of a row is its own anchor.
#[derive(Debug)]
pub(super) struct Tile<F> {
    rows: Range<usize>,
    owners: Vec<usize>,
    /// The latents, `[rows, d]`; none once they are among those of all tiles.
    latents: Array2<F>,
    schedule: Schedule<F>,
    pace: Pace<F>,
    catch_ups: Vec<CatchUp<F>>,
    /// The states of the active rows before every evaluation, if kept.
    states: States<F>,
}

impl<F: Real> Tile<F> {
    /// Follows the plan from noise `z [rows, d]`, each row from where its path bends.
    pub(super) fn integrate(
        plan: &Plan,
        anchors: &Anchors<F>,
        owners: Vec<usize>,
        rows: Range<usize>,
        z: Array2<F>,
        merged: f64,
        keep: Keep,
    ) -> Self {
        let mut scratch = Scratch::alone();
        let bases = Bases::new(scratch.parallel(), anchors, owners);
        let schedule = schedule(plan, anchors, &bases, &z, merged, &mut scratch);
        Self::follow(plan, anchors, bases, rows, z, schedule, keep, &mut scratch)
    }

    /// Follows the plan on a given schedule.
    #[expect(clippy::too_many_arguments, reason = "the second half of a function that is split for tests")]
    fn follow(
        plan: &Plan,
        anchors: &Anchors<F>,
        bases: Bases<F>,
        rows: Range<usize>,
        mut z: Array2<F>,
        schedule: Schedule<F>,
        keep: Keep,
        scratch: &mut Scratch<F>,
    ) -> Self {
        let mut pace = Pace { units: schedule.units.clone(), first: vec![None; rows.len()] };
        let catch_ups = catch_up(plan, anchors, &schedule, &z);
        // Rates from before the first node; zero for rows that start there.
        let mut before = Array2::zeros(z.raw_dim());
        for catch_up in &catch_ups {
            let row = catch_up.row();
            before.row_mut(row).assign(&ArrayView1::from(catch_up.last_rate()));
            z.row_mut(row).assign(&ArrayView1::from(catch_up.end()));
            pace.first[row] = catch_up.first_dense(plan);
        }
        let mut history = VecDeque::from([before]);
        let kept = if keep == Keep::States { schedule.evaluations(plan) } else { 0 };
        let mut states = States::with_capacity(kept, z.ncols());
        for k in 0..plan.nodes().len() {
            let active = schedule.active(k);
            let state = z.select(Axis(0), &active);
            let taus = pace.taus(plan, k, &active);
            let point = Point { anchors, bases: &bases, rows: &active, taus: &taus, z: state.view() };
            let rates = if k == 0 && schedule.has_products {
                point.evaluate_products(scratch.matrix(active.len(), anchors.len()))
            } else {
                point.evaluate(scratch)
            };
            history.push_front(spread(z.nrows(), &active, rates));
            history.truncate(plan.history());
            pace.advance(plan, k, &active, &mut z, &history);
            if keep != Keep::Nothing {
                states.push(&state);
            }
        }
        arrive(plan, anchors, &bases, &pace, &mut z);
        Self { rows, owners: bases.index, latents: z, schedule, pace, catch_ups, states }
    }

    pub(super) fn latents(&self) -> ArrayView2<'_, F> {
        self.latents.view()
    }

    pub(super) fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    pub(super) fn forget_latents(&mut self) {
        self.latents = Array2::zeros((0, 0));
    }

    pub(super) fn work(&self) -> Work {
        let per_row = |entry: &usize| self.states.len() - entry;
        Work {
            evaluations: self.schedule.entries.iter().map(per_row).sum(),
            pairs: self.catch_ups.iter().map(|catch_up| catch_up.pairs()).sum(),
            most: self.schedule.entries.iter().map(per_row).max().unwrap_or(0),
        }
    }

    /// The clock at which every row starts.
    pub(super) fn starts(&self, plan: &Plan) -> Vec<F> {
        let tau = |entry: usize| plan.nodes().get(entry).map_or(F::zero(), |node| F::of(node.tau()));
        let entries = self.schedule.entries.iter().zip(&self.schedule.units);
        let mut starts: Vec<F> = entries.map(|(entry, unit)| *unit * tau(*entry)).collect();
        self.schedule.rests.iter().for_each(|rest| starts[rest.row] = rest.begin);
        starts
    }

    /// Goes back over the recorded states; the gradient of the noise.
    pub(super) fn pull(
        &self,
        plan: &Plan,
        anchors: &Anchors<F>,
        cotangent: ArrayView2<'_, F>,
        sink: &mut Sink<F>,
        scratch: &mut Scratch<F>,
    ) -> Array2<F> {
        // Distances are cheaper to compute again than to hold.
        let bases = Bases::new(scratch.parallel(), anchors, self.owners.clone());
        let mut own = Array2::zeros(cotangent.raw_dim());
        let last = self.depart(plan, cotangent, sink, &mut own);
        let mut cotangents = Cotangents::new(plan, last);
        for k in (0..self.states.len()).rev() {
            let active = self.schedule.active(k);
            let taus = self.pace.taus(plan, k, &active);
            let g = cotangents.rate(plan, &self.pace, k, &active);
            let point = Point { anchors, bases: &bases, rows: &active, taus: &taus, z: self.states.get(k) };
            let mut targets = Targets { sink, own: &mut own, scratch };
            let through = point.pull(Base::Own, g.view(), None, &mut targets);
            cotangents.retreat(&active, &through);
        }
        let mut noise = cotangents.first().clone();
        for catch_up in &self.catch_ups {
            let row = catch_up.row();
            let before = cotangents.rate_before(plan, &self.pace, row);
            let mut gradient = noise.row_mut(row);
            let end = gradient.to_vec();
            let before = before.unwrap_or_else(|| vec![F::zero(); end.len()]);
            gradient.assign(&Array1::from(catch_up.pull(anchors, &end, &before, sink)));
        }
        sink.add_rows(&self.owners, own.view());
        noise
    }

    /// The transpose of [`arrive`]: the cotangent of the last state.
    fn depart(&self, plan: &Plan, cotangent: ArrayView2<'_, F>, sink: &mut Sink<F>, own: &mut Array2<F>) -> Array2<F> {
        let mut state = cotangent.to_owned();
        match plan.end_point() {
            EndPoint::State { t, .. } if t < 1.0 => {
                own.scaled_add(F::of(1.0 - t), &cotangent);
                state.mapv_inplace(|g| g * F::of(t));
            }
            EndPoint::Prior { coefficient } => {
                for ((g, unit), mut own) in cotangent.rows().into_iter().zip(&self.pace.units).zip(own.rows_mut()) {
                    let g = g.mapv(|g| F::of(coefficient) * *unit * g);
                    sink.add_prior_mean(g.as_slice().unwrap_or(&[]));
                    own -= &g;
                }
            }
            _ => {}
        }
        state
    }
}

/// Brings the rows that have near neighbours to the first node.
fn catch_up<F: Real>(plan: &Plan, anchors: &Anchors<F>, schedule: &Schedule<F>, z: &Array2<F>) -> Vec<CatchUp<F>> {
    let Unit::Horizon(horizon) = plan.unit() else { return Vec::new() };
    let follow = |rest: &catch_up::Rest<F>| {
        let z = z.row(rest.row);
        catch_up::follow(horizon, anchors, rest, z.as_slice().unwrap_or_default())
    };
    schedule.rests.iter().map(follow).collect()
}

/// The rates of the active rows among all, 0 for the others.
fn spread<F: Real>(rows: usize, active: &[usize], rates: Array2<F>) -> Array2<F> {
    if active.len() == rows {
        return rates;
    }
    let mut all = Array2::zeros((rows, rates.ncols()));
    for (&row, rate) in active.iter().zip(rates.rows()) {
        all.row_mut(row).assign(&rate);
    }
    all
}

/// From the last state to the latent.
fn arrive<F: Real>(plan: &Plan, anchors: &Anchors<F>, bases: &Bases<F>, pace: &Pace<F>, z: &mut Array2<F>) {
    match plan.end_point() {
        EndPoint::State { t, .. } if t < 1.0 => {
            // x = t z + (1 - t) a_own, with the anchor as it was given.
            z.mapv_inplace(|z| z * F::of(t));
            for (mut row, &own) in z.rows_mut().into_iter().zip(&bases.index) {
                row.scaled_add(F::of(1.0 - t), &anchors.points().row(own));
            }
        }
        EndPoint::Prior { coefficient } => {
            let mean = anchors.prior_mean().mapv(F::of);
            for (i, mut row) in z.rows_mut().into_iter().enumerate() {
                let factor = F::of(coefficient) * pace.units[i];
                row.scaled_add(factor, &mean);
                row.scaled_add(-factor, &bases.points.row(i));
            }
        }
        // At t = 1 the state is the latent; plans towards the prior do not end in a mean of anchors.
        _ => {}
    }
}

#[cfg(test)]
#[path = "tile_tests.rs"]
mod tests;
