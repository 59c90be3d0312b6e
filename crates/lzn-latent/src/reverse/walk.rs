//! A tile of rows on its way to the anchors, and back over it.

use std::collections::VecDeque;
use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, s};

use crate::adjoint::{Base, Evaluated, LogProbCotangent, Sink};
use crate::distance::{Distances, half_distances};
use crate::field::{Bases, Weights, logits, move_base};
use crate::history::{Cotangents, advance};
use crate::{Anchors, EndPoint, Plan, Real};

/// What a walk keeps beside its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Nothing,
    /// The log-probabilities of all anchors.
    LogProbs,
    /// The states, for gradients.
    States,
}

/// What all tiles share: the anchors and their distances.
pub(super) struct Ground<'a, F> {
    anchors: &'a Anchors<F>,
    /// `|a_i - a_j|^2 / 2`, `[N, N]`.
    pairs: Array2<F>,
}

impl<F> std::fmt::Debug for Ground<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").finish_non_exhaustive()
    }
}

/// A tile that has arrived.
#[derive(Debug)]
pub(super) struct Walk<F> {
    pub(super) rows: Range<usize>,
    pub(super) end: Array2<F>,
    /// `[steps, rows]`; without owners of zero rows' worth.
    pub(super) own_log_probs: Array2<F>,
    /// One `[rows, N]` per evaluation, if kept.
    pub(super) log_probs: Vec<Array2<F>>,
    owners: Option<Vec<usize>>,
    states: Vec<State<F>>,
}

/// A tile at one evaluation: `z` and the base of every row.
#[derive(Debug)]
struct State<F> {
    z: Array2<F>,
    bases: Vec<usize>,
}

/// Cotangents of a tile's end points `[rows, d]` and recorded log-probabilities `[steps, rows]`.
pub(super) struct Cotangent<'a, F> {
    pub(super) end: Array2<F>,
    pub(super) own: Option<ArrayView2<'a, F>>,
}

impl<'a, F: Real> Ground<'a, F> {
    pub(super) fn new(anchors: &'a Anchors<F>) -> Self {
        let all: Vec<usize> = (0..anchors.len()).collect();
        Self { anchors, pairs: half_distances(anchors, &all) }
    }

    pub(super) fn anchors(&self) -> &'a Anchors<F> {
        self.anchors
    }

    fn distances(&self) -> Distances<'_, F> {
        Distances::OfPairs(&self.pairs)
    }

    /// Follows the plan from `latents`.
    pub(super) fn walk(
        &self,
        plan: &Plan,
        rows: Range<usize>,
        latents: ArrayView2<'_, F>,
        owners: Option<Vec<usize>>,
        keep: Keep,
    ) -> Walk<F> {
        let mut bases = Bases::new(self.anchors, vec![self.heaviest(); rows.len()]);
        let mut z = self.start(plan, latents, &bases);
        let mut history: VecDeque<Array2<F>> = VecDeque::new();
        let mut own_log_probs = Array2::zeros((plan.nodes().len(), if owners.is_some() { rows.len() } else { 0 }));
        let (mut log_probs, mut states) = (Vec::new(), Vec::new());
        for (k, node) in plan.nodes().iter().enumerate() {
            let mut logits = logits(self.anchors, node.tau(), &z, &bases, &self.distances());
            self.follow(node.tau(), &mut z, &mut bases, &mut logits, &mut history);
            let kept = (keep == Keep::LogProbs).then(|| logits.clone());
            let own: Option<Array1<F>> =
                owners.as_ref().map(|owners| owners.iter().enumerate().map(|(i, &own)| logits[[i, own]]).collect());
            let weights = Weights::new(logits, &bases);
            if let Some(own) = own {
                own_log_probs.row_mut(k).assign(&(own - &weights.log_norm));
            }
            if let Some(kept) = kept {
                log_probs.push(kept - weights.log_norm.view().insert_axis(ndarray::Axis(1)));
            }
            if keep == Keep::States {
                states.push(State { z: z.clone(), bases: bases.index.clone() });
            }
            history.push_front(weights.offset(self.anchors, &bases));
            history.truncate(plan.history());
            advance(&mut z, node, &history);
        }
        Walk { rows, end: self.end(plan, z, &history[0], &bases), own_log_probs, log_probs, owners, states }
    }

    /// The anchor of the largest weight: the best guess before the first evaluation.
    fn heaviest(&self) -> usize {
        (0..self.anchors.len())
            .fold(0, |best, j| if self.anchors.log_weight(j) > self.anchors.log_weight(best) { j } else { best })
    }

    /// `z = x / t - tau (a_base + mean)` of the first state.
    fn start(&self, plan: &Plan, latents: ArrayView2<'_, F>, bases: &Bases<F>) -> Array2<F> {
        let tau = plan.nodes()[0].tau();
        let mut z = latents.mapv(|x| x / F::of(plan.start()));
        z.scaled_add(-F::of(tau), &bases.points);
        z - &self.anchors.mean().mapv(|m| F::of(tau * m))
    }

    /// Makes the most probable anchor the base of every row.
    fn follow(
        &self,
        tau: f64,
        z: &mut Array2<F>,
        bases: &mut Bases<F>,
        logits: &mut Array2<F>,
        history: &mut VecDeque<Array2<F>>,
    ) {
        for i in 0..z.nrows() {
            let row = logits.row(i);
            // The first of equals, so that ties do not depend on the order of search.
            let best = row
                .iter()
                .enumerate()
                .fold((bases.index[i], F::zero()), |best, (j, l)| if *l > best.1 { (j, *l) } else { best });
            if best.0 == bases.index[i] {
                continue;
            }
            let old = bases.points.row(i).to_owned();
            move_base(self.anchors, tau, i, best.0, z, bases, logits);
            for offset in history.iter_mut() {
                let mut offset = offset.row_mut(i);
                offset += &old;
                offset -= &bases.points.row(i);
            }
        }
    }

    fn end(&self, plan: &Plan, z: Array2<F>, last_offset: &Array2<F>, bases: &Bases<F>) -> Array2<F> {
        let mean = self.anchors.mean();
        match plan.end_point() {
            EndPoint::State { t, tau } => {
                let mut u = z;
                u.scaled_add(F::of(tau), &bases.points);
                (u + &mean.mapv(|m| F::of(tau * m))) * F::of(t)
            }
            EndPoint::Mean => last_offset + &bases.points + &mean.mapv(F::of),
        }
    }

    /// Goes back over a walk; returns the gradient of the latents.
    pub(super) fn pull(
        &self,
        plan: &Plan,
        walk: &Walk<F>,
        cotangent: Cotangent<'_, F>,
        sink: &mut Sink<F>,
    ) -> Array2<F> {
        let (state, last_mean) = match plan.end_point() {
            EndPoint::State { t, .. } => (cotangent.end * F::of(t), None),
            EndPoint::Mean => (Array2::zeros(cotangent.end.raw_dim()), Some(cotangent.end)),
        };
        let mut cotangents = Cotangents::new(plan, state);
        for (k, (node, state)) in plan.nodes().iter().zip(&walk.states).enumerate().rev() {
            let mut rate = cotangents.rate(plan, k);
            if let Some(mean) = last_mean.as_ref().filter(|_| k + 1 == plan.nodes().len()) {
                rate += mean;
            }
            let own = match (&walk.owners, &cotangent.own) {
                (Some(owners), Some(own)) => Some(LogProbCotangent { owners, values: own.slice(s![k, ..]) }),
                _ => None,
            };
            if is_zero(&rate) && own.as_ref().is_none_or(|own| own.values.iter().all(|h| *h == F::zero())) {
                cotangents.retreat(&Array2::zeros(rate.raw_dim()));
                continue;
            }
            let bases = Bases::new(self.anchors, state.bases.clone());
            let logits = logits(self.anchors, node.tau(), &state.z, &bases, &self.distances());
            let weights = Weights::new(logits, &bases);
            let evaluated = Evaluated { anchors: self.anchors, tau: node.tau(), z: &state.z, bases: &bases, weights };
            let through = evaluated.pull(&rate, own.as_ref(), Base::Coordinates, sink);
            cotangents.retreat(&through);
        }
        cotangents.first().mapv(|g| g / F::of(plan.start()))
    }
}

fn is_zero<F: Real>(array: &Array2<F>) -> bool {
    array.iter().all(|x| *x == F::zero())
}
