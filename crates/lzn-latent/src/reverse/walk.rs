//! A tile of rows on its way to the anchors, and back over it.

use std::collections::VecDeque;
use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::bases::Bases;
use crate::history::{Cotangents, Pace};
use crate::kernels::logits::{RowSums, strongest_rival, to_exponentials};
use crate::kernels::vectorised;
use crate::point::{Base, LogProbCotangent, Point, Scratch, Targets};
use crate::sink::Sink;
use crate::{Anchors, EndPoint, Horizon, Parallel, Plan, Real, Unit, ZoneFlow};

/// What a walk keeps beside its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Nothing,
    /// The log-probabilities of all anchors.
    LogProbs,
    /// The states, for gradients.
    States,
}

/// What all tiles share.
#[derive(Debug)]
pub(super) struct Ground<'a, F> {
    anchors: &'a Anchors<F>,
    plan: &'a Plan,
    /// What the plan's numbers are multiples of.
    unit: f64,
    /// The anchor of the largest weight: the best guess before the first evaluation.
    heaviest: usize,
}

/// A tile that has arrived.
#[derive(Debug)]
pub(super) struct Walk<F> {
    pub(super) rows: Range<usize>,
    pub(super) end: Array2<F>,
    /// Evaluations of every row.
    evaluations: Vec<usize>,
    /// One `[rows]` per evaluation, if there are owners; valid for rows that were still on their way.
    own_log_probs: Vec<Array1<F>>,
    /// One `[rows, N]` per evaluation, if kept; valid for rows that were still on their way.
    log_probs: Vec<Array2<F>>,
    owners: Option<Vec<usize>>,
    states: Vec<State<F>>,
}

/// The rows still on their way at one evaluation, their `z` and bases.
#[derive(Debug)]
struct State<F> {
    rows: Vec<usize>,
    z: Array2<F>,
    bases: Vec<usize>,
}

/// Some rows of a state, and the cotangents of their rates `[r, d]` and recorded log-probabilities `[r]`.
struct Concerned<F> {
    state: State<F>,
    g: Array2<F>,
    values: Option<Vec<F>>,
}

/// Cotangents of a tile's end points `[rows, d]` and recorded log-probabilities `[steps, rows]`.
pub(super) struct Cotangent<'a, F> {
    pub(super) end: Array2<F>,
    pub(super) own: Option<ArrayView2<'a, F>>,
}

/// A tile on its way.
struct Walker<'a, F> {
    anchors: &'a Anchors<F>,
    z: Array2<F>,
    bases: Bases<F>,
    history: VecDeque<Array2<F>>,
}

impl<F: Real> Walk<F> {
    /// Evaluations of the row that needed most.
    pub(super) fn steps(&self) -> usize {
        self.evaluations.iter().copied().max().unwrap_or(0)
    }

    /// Drops the end points, once they are among those of all tiles.
    pub(super) fn forget_end(&mut self) {
        self.end = Array2::zeros((0, 0));
    }

    /// Log-probability of the own anchor of row `i` at step `k`, or at its last.
    pub(super) fn own_log_prob(&self, i: usize, k: usize) -> F {
        self.own_log_probs[k.min(self.evaluations[i] - 1)][i]
    }

    /// Log-probabilities of all anchors of row `i` at step `k`, or at its last.
    pub(super) fn log_probs_at(&self, i: usize, k: usize) -> ArrayView1<'_, F> {
        self.log_probs[k.min(self.evaluations[i] - 1)].row(i)
    }
}

impl<'a, F: Real> Ground<'a, F> {
    pub(super) fn new(flow: &'a ZoneFlow, anchors: &'a Anchors<F>) -> Self {
        let plan = flow.to_anchors_plan();
        let unit = match plan.unit() {
            Unit::Tau => 1.0,
            Unit::Horizon(horizon) => horizon.merging(anchors.len(), anchors.spread()),
        };
        let heavier = |best, j| if anchors.log_weight(j) > anchors.log_weight(best) { j } else { best };
        Self { anchors, plan, unit, heaviest: (0..anchors.len()).fold(0, heavier) }
    }

    /// Whether rows that have arrived stop: their end is their anchor, whatever comes after.
    fn stops(&self) -> bool {
        matches!((self.plan.unit(), self.plan.end_point()), (Unit::Horizon(_), EndPoint::Mean))
    }

    /// Follows the plan from `latents`.
    pub(super) fn walk(
        &self,
        rows: Range<usize>,
        latents: ArrayView2<'_, F>,
        owners: Option<Vec<usize>>,
        keep: Keep,
    ) -> Walk<F> {
        let mut walker = self.start(latents);
        let pace = Pace::uniform(rows.len(), F::of(self.unit));
        let mut end = Array2::zeros(latents.raw_dim());
        let mut walk = Walk {
            evaluations: vec![0; rows.len()],
            rows,
            end: Array2::zeros((0, 0)),
            own_log_probs: Vec::new(),
            log_probs: Vec::new(),
            owners,
            states: Vec::new(),
        };
        let mut scratch = Scratch::alone();
        let mut active: Vec<usize> = (0..walk.rows.len()).collect();
        for k in 0..self.plan.nodes().len() {
            if active.is_empty() {
                break;
            }
            let taus = pace.taus(self.plan, k, &active);
            let (state, arrived) = self.evaluate(&mut walker, &mut walk, &active, &taus, keep, &mut scratch);
            walker.history.truncate(self.plan.history());
            active.iter().for_each(|row| walk.evaluations[*row] += 1);
            if keep == Keep::States {
                walk.states.push(state);
            }
            if self.stops() && k > 0 {
                let there = active.iter().zip(&arrived).filter(|(_, arrived)| **arrived);
                there.for_each(|(row, _)| end.row_mut(*row).assign(&walker.mean(*row)));
                active = active.iter().zip(&arrived).filter(|(_, arrived)| !**arrived).map(|(row, _)| *row).collect();
            }
            pace.advance(self.plan, k, &active, &mut walker.z, &walker.history);
        }
        for row in active {
            end.row_mut(row).assign(&self.end(&walker, row));
        }
        let mean = self.anchors.mean();
        let shift = match self.plan.end_point() {
            EndPoint::State { t, tau } => t * self.unit * tau,
            _ => 1.0,
        };
        walk.end = end + &mean.mapv(|m| F::of(shift * m));
        walk
    }

    /// `z = x / t - tau (a_base + mean)` of the first state, relative to the heaviest anchor.
    fn start(&self, latents: ArrayView2<'_, F>) -> Walker<'a, F> {
        let bases = Bases::new(Parallel::No, self.anchors, vec![self.heaviest; latents.nrows()]);
        let tau = self.unit * self.plan.nodes()[0].tau();
        let mut z = latents.mapv(|x| x / F::of(self.plan.start()));
        z.scaled_add(-F::of(tau), &bases.points);
        z -= &self.anchors.mean().mapv(|m| F::of(tau * m));
        Walker { anchors: self.anchors, z, bases, history: VecDeque::new() }
    }

    /// Evaluates the zones at one node: pushes the rates, records probabilities, and says who has arrived.
    fn evaluate(
        &self,
        walker: &mut Walker<'_, F>,
        walk: &mut Walk<F>,
        active: &[usize],
        taus: &[F],
        keep: Keep,
        scratch: &mut Scratch<F>,
    ) -> (State<F>, Vec<bool>) {
        let (n, total) = (self.anchors.len(), walk.rows.len());
        let z = walker.z.select(Axis(0), active);
        let mut logits = {
            let point = Point { anchors: self.anchors, bases: &walker.bases, rows: active, taus, z: z.view() };
            point.products(scratch)
        };
        let (below, lead) = (F::of(-(n as f64 / Horizon::ARRIVED).ln()), F::of(Horizon::LEAD));
        let mut arrived = vec![false; active.len()];
        let mut leaders = Vec::new();
        vectorised(
            #[inline(always)]
            || {
                for (i, mut row) in logits.rows_mut().into_iter().enumerate() {
                    let row = row.as_slice_mut().unwrap_or_default();
                    let zones = walker.bases.to_logits(self.anchors, active[i], (taus[i], z.row(i)), row);
                    let rival = strongest_rival(row, zones.half_distances);
                    // Without weights a logit that is negative keeps falling.
                    arrived[i] = rival < below && (zones.log_weights.is_none() || falls(row, &zones));
                    if rival > lead {
                        leaders.extend(row.iter().position(|l| *l == rival).map(|leader| (i, leader)));
                    }
                }
            },
        );
        walker.move_bases(active, taus, &leaders, &mut logits);
        let own = walk.owners.as_ref().map(|owners| {
            let logit = |(i, row): (usize, &usize)| logits[[i, owners[*row]]];
            active.iter().enumerate().map(logit).collect::<Vec<F>>()
        });
        let kept = (keep == Keep::LogProbs).then(|| logits.to_owned());
        let mut sums: Vec<RowSums<F>> = Vec::with_capacity(active.len());
        let mut of_duplicates = Array2::zeros(z.raw_dim());
        vectorised(
            #[inline(always)]
            || {
                let rows = logits.rows_mut().into_iter().zip(of_duplicates.rows_mut());
                for ((mut row, mut mean), at) in rows.zip(active) {
                    let row = row.as_slice_mut().unwrap_or_default();
                    let halves = walker.bases.half_distances.row(*at);
                    let mut sum = to_exponentials(row, halves.to_slice().unwrap_or_default());
                    let mean = mean.as_slice_mut().unwrap_or_default();
                    walker.bases.set_duplicates_aside(self.anchors, *at, (row, &mut sum), mean);
                    sums.push(sum);
                }
            },
        );
        if let Some(own) = own {
            let mut step = Array1::zeros(total);
            for ((row, logit), sums) in active.iter().zip(own).zip(&sums) {
                step[*row] = logit - sums.log_norm;
            }
            walk.own_log_probs.push(step);
        }
        if let Some(kept) = kept {
            let mut step = Array2::zeros((total, n));
            for ((row, logits), sums) in active.iter().zip(kept.rows()).zip(&sums) {
                step.row_mut(*row).assign(&logits.mapv(|l| l - sums.log_norm));
            }
            walk.log_probs.push(step);
        }
        // The bases may have moved, and the states with them.
        let z = walker.z.select(Axis(0), active);
        let point = Point { anchors: self.anchors, bases: &walker.bases, rows: active, taus, z: z.view() };
        let rates = point.rates(logits.view(), &sums, of_duplicates);
        let mut all = Array2::zeros(walker.z.raw_dim());
        active.iter().zip(rates.rows()).for_each(|(row, rate)| all.row_mut(*row).assign(&rate));
        walker.history.push_front(all);
        let bases = active.iter().map(|row| walker.bases.index[*row]).collect();
        (State { rows: active.to_vec(), z, bases }, arrived)
    }

    /// The end of a row that is still on its way when the plan ends, without the mean of the anchors.
    fn end(&self, walker: &Walker<'_, F>, row: usize) -> Array1<F> {
        match self.plan.end_point() {
            EndPoint::State { t, tau } => {
                let mut u = walker.z.row(row).to_owned();
                u.scaled_add(F::of(self.unit * tau), &walker.bases.points.row(row));
                u * F::of(t)
            }
            _ => walker.mean(row),
        }
    }

    /// Goes back over a walk; the gradient of the latents.
    pub(super) fn pull(
        &self,
        walk: &Walk<F>,
        cotangent: Cotangent<'_, F>,
        sink: &mut Sink<F>,
        scratch: &mut Scratch<F>,
    ) -> Array2<F> {
        let (state, of_mean) = match self.plan.end_point() {
            EndPoint::State { t, .. } => (cotangent.end * F::of(t), None),
            _ => (Array2::zeros(cotangent.end.raw_dim()), Some(cotangent.end)),
        };
        let pace = Pace::uniform(walk.rows.len(), F::of(self.unit));
        let mut cotangents = Cotangents::new(self.plan, state);
        let mut bases: Option<Bases<F>> = None;
        let mut own = Array2::zeros((walk.rows.len(), self.anchors.dim()));
        for (k, state) in walk.states.iter().enumerate().rev() {
            let Some(Concerned { state, g, values }) = self.concerned(
                walk,
                k,
                state,
                cotangents.rate(self.plan, &pace, k, &state.rows),
                of_mean.as_ref(),
                cotangent.own,
            ) else {
                cotangents.retreat(&[], &Array2::zeros((0, own.ncols())));
                continue;
            };
            let bases = self.bases_of(scratch.parallel(), &mut bases, &state, walk, &mut own, sink);
            let taus = pace.taus(self.plan, k, &state.rows);
            let point = Point { anchors: self.anchors, bases, rows: &state.rows, taus: &taus, z: state.z.view() };
            let owners: Option<Vec<usize>> =
                walk.owners.as_ref().map(|owners| state.rows.iter().map(|row| owners[*row]).collect());
            let log_probs = match (&owners, &values) {
                (Some(owners), Some(values)) => Some(LogProbCotangent { owners, values }),
                _ => None,
            };
            let mut targets = Targets { sink, own: &mut own, scratch };
            let through = point.pull(Base::Coordinates, g.view(), log_probs.as_ref(), &mut targets);
            cotangents.retreat(&state.rows, &through);
        }
        if let Some(bases) = bases {
            sink.add_rows(&bases.index, own.view());
        }
        cotangents.first().mapv(|g| g / F::of(self.plan.start()))
    }

    /// The rows of the state `k` that have a cotangent; none where none has. `g` belongs to the rates of all of its rows.
    ///
    /// A loss on the best step of each row leaves out all steps behind that one.
    fn concerned(
        &self,
        walk: &Walk<F>,
        k: usize,
        state: &State<F>,
        mut g: Array2<F>,
        of_mean: Option<&Array2<F>>,
        own: Option<ArrayView2<'_, F>>,
    ) -> Option<Concerned<F>> {
        let is_last = |row: usize| walk.evaluations[row] == k + 1;
        if let Some(of_mean) = of_mean {
            for (mut g, row) in g.rows_mut().into_iter().zip(&state.rows).filter(|(_, row)| is_last(**row)) {
                g += &of_mean.row(*row);
            }
        }
        let values = own.map(|own| {
            // What stands behind a row's last step repeats it.
            let value = |row: &usize| if is_last(*row) { own.slice(s![k.., *row]).sum() } else { own[[k, *row]] };
            state.rows.iter().map(value).collect::<Vec<F>>()
        });
        let has_one = |i: &usize| {
            let value = values.as_ref().map_or(F::zero(), |values| values[*i]);
            value != F::zero() || g.row(*i).iter().any(|x| *x != F::zero())
        };
        let places: Vec<usize> = (0..state.rows.len()).filter(has_one).collect();
        if places.is_empty() {
            return None;
        }
        let of = |all: &[usize]| places.iter().map(|i| all[*i]).collect();
        let rows = |all: &Array2<F>| all.select(Axis(0), &places);
        Some(Concerned {
            state: State { rows: of(&state.rows), z: rows(&state.z), bases: of(&state.bases) },
            g: rows(&g),
            values: values.map(|values| places.iter().map(|i| values[*i]).collect()),
        })
    }

    /// The bases at a state, from those at the state behind it; what belongs to bases that go is handed in.
    fn bases_of<'b>(
        &self,
        parallel: Parallel,
        bases: &'b mut Option<Bases<F>>,
        state: &State<F>,
        walk: &Walk<F>,
        own: &mut Array2<F>,
        sink: &mut Sink<F>,
    ) -> &'b Bases<F> {
        let bases = bases.get_or_insert_with(|| {
            let mut index = vec![self.heaviest; walk.rows.len()];
            state.rows.iter().zip(&state.bases).for_each(|(row, base)| index[*row] = *base);
            Bases::new(parallel, self.anchors, index)
        });
        let moved: Vec<(usize, usize)> = state
            .rows
            .iter()
            .zip(&state.bases)
            .filter(|(row, base)| bases.index[**row] != **base)
            .map(|(row, base)| (*row, *base))
            .collect();
        if !moved.is_empty() {
            let rows: Vec<usize> = moved.iter().map(|(row, _)| *row).collect();
            let index: Vec<usize> = rows.iter().map(|row| bases.index[*row]).collect();
            sink.add_rows(&index, own.select(Axis(0), &rows).view());
            rows.iter().for_each(|row| own.row_mut(*row).fill(F::zero()));
            bases.replace(parallel, self.anchors, &moved);
        }
        bases
    }
}

impl<F: Real> Walker<'_, F> {
    /// `ahat` of the last evaluation of a row, without the mean of the anchors.
    fn mean(&self, row: usize) -> Array1<F> {
        &self.history[0].row(row) + &self.bases.points.row(row)
    }

    /// Changes the coordinates of rows to new bases: `leaders` holds positions in `active` and anchors. Their `logits` become
    /// relative to the new base.
    fn move_bases(
        &mut self,
        active: &[usize],
        taus: &[F],
        leaders: &[(usize, usize)],
        logits: &mut ndarray::ArrayViewMut2<'_, F>,
    ) {
        for &(i, leader) in leaders {
            let (row, tau) = (active[i], taus[i]);
            let (old, new) = (self.anchors.point(self.bases.index[row]), self.anchors.point(leader));
            let shift: Array1<F> = old.iter().zip(new).map(|(old, new)| *old - *new).collect();
            self.z.row_mut(row).scaled_add(tau, &shift);
            for rates in &mut self.history {
                rates.row_mut(row).scaled_add(F::one(), &shift);
            }
            let of_leader = logits[[i, leader]];
            logits.row_mut(i).mapv_inplace(|l| l - of_leader);
        }
        let moved: Vec<_> = leaders.iter().map(|(i, leader)| (active[*i], *leader)).collect();
        self.bases.replace(Parallel::No, self.anchors, &moved);
    }
}

/// Whether all rivals' logits fall from here on: `d l_j / d tau < 0` at a frozen state.
#[inline(always)]
fn falls<F: Real>(logits: &[F], zones: &crate::kernels::logits::RowZones<'_, F>) -> bool {
    let own = zones.log_weights.map_or(F::zero(), |all| all[zones.base]);
    let weight = |j: usize| zones.log_weights.map_or(F::zero(), |all| all[j] - own);
    let square = zones.tau * zones.tau;
    let falls = |j: usize| {
        let (h, log_weight) = (zones.half_distances[j], weight(j));
        h == F::zero() || log_weight == F::neg_infinity() || logits[j] - log_weight < h * square
    };
    (0..logits.len()).all(falls)
}
