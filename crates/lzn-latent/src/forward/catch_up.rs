//! Rows with near neighbours, from where these begin to mix to the first dense node.
//!
//! So far out only the neighbours count, few for most sets of anchors. Everything is written in the differences
//! `b_j = a_j - a_own`, which are exact for near anchors, so that neither logits nor gradients lose digits:
//!
//! ```text
//! l_j = tau z.b_j - tau^2 |b_j|^2 / 2 + log c_j - log c_own,      dz / dtau = sum_j w_j b_j
//! ```

use crate::kernels::lanes::{dot, largest};
use crate::kernels::vectorised;
use crate::kernels::vectors::{add_scaled, half_square_distance, subtract};
use crate::plan::adams_bashforth;
use crate::sink::Sink;
use crate::{Anchors, Horizon, Plan, Real};

/// A row and what it has before it.
#[derive(Debug, Clone)]
pub(super) struct Rest<F> {
    /// Row of the tile.
    pub(super) row: usize,
    /// Its anchor.
    pub(super) own: usize,
    /// The anchors that count, in order.
    pub(super) near: Vec<u32>,
    /// The clock at which it starts.
    pub(super) begin: F,
    /// The clock of the first dense node.
    pub(super) end: F,
}

/// A row that has caught up.
#[derive(Debug)]
pub(super) struct CatchUp<F> {
    rest: Rest<F>,
    /// `|b_j|^2 / 2` and relative log-weight of every near anchor.
    near: Vec<(F, F)>,
    /// State before every step and at the end, `[steps + 1][d]`.
    states: Vec<Vec<F>>,
    /// The rate of the last step.
    last_rate: Vec<F>,
    /// Clocks of the steps and the end.
    taus: Vec<F>,
}

/// Scratch of one evaluation.
struct Evaluation<F> {
    difference: Vec<F>,
    /// Relative weights of the near anchors.
    weights: Vec<F>,
}

/// Follows a row in steps of constant ratio.
pub(super) fn follow<F: Real>(horizon: Horizon, anchors: &Anchors<F>, rest: &Rest<F>, z: &[F]) -> CatchUp<F> {
    let taus = clocks(rest, horizon.ratio);
    let log_weight = |j: usize| anchors.log_weight(j) - anchors.log_weight(rest.own);
    let half = |j: usize| F::of(half_square_distance(anchors.point(j), anchors.point(rest.own)));
    let near = rest.near.iter().map(|j| (half(*j as usize), log_weight(*j as usize))).collect();
    let mut this =
        CatchUp { rest: rest.clone(), near, states: vec![z.to_vec()], last_rate: vec![F::zero(); z.len()], taus };
    let mut evaluation = Evaluation { difference: vec![F::zero(); z.len()], weights: Vec::new() };
    vectorised(
        #[inline(always)]
        || {
            for k in 0..this.steps() {
                let mut state = this.states[k].clone();
                let rate = this.rate(anchors, k, &mut evaluation);
                let [newest, older] = this.coefficients(k);
                add_scaled(&mut state, newest, &rate);
                add_scaled(&mut state, older, &this.last_rate);
                this.states.push(state);
                this.last_rate = rate;
            }
        },
    );
    this
}

/// From `begin` to `end` by a constant ratio of at least `ratio`.
fn clocks<F: Real>(rest: &Rest<F>, ratio: f64) -> Vec<F> {
    let (begin, end) = (rest.begin.wide(), rest.end.wide());
    let steps = ((end / begin).ln() / ratio.ln()).ceil().max(1.0);
    (0..=steps as usize).map(|k| F::of(begin * (end / begin).powf(k as f64 / steps))).collect()
}

impl<F: Real> CatchUp<F> {
    pub(super) fn row(&self) -> usize {
        self.rest.row
    }

    pub(super) fn steps(&self) -> usize {
        self.taus.len() - 1
    }

    /// Evaluations of single pairs.
    pub(super) fn pairs(&self) -> usize {
        self.steps() * self.near.len()
    }

    /// The state at the first dense node.
    pub(super) fn end(&self) -> &[F] {
        &self.states[self.steps()]
    }

    /// The rate before the first dense node.
    pub(super) fn last_rate(&self) -> &[F] {
        &self.last_rate
    }

    /// Coefficients of step `k` for its rate and the one before, which is zero before the start.
    fn coefficients(&self, k: usize) -> [F; 2] {
        let wide = |k: usize| self.taus[k].wide();
        let before = if k == 0 { 2.0 * wide(0) - wide(1) } else { wide(k - 1) };
        adams_bashforth(before, wide(k), wide(k + 1)).map(F::of)
    }

    /// Coefficients of the first dense step, if it uses the rate from before.
    pub(super) fn first_dense(&self, plan: &Plan) -> Option<[F; 2]> {
        let [first, next, ..] = plan.nodes() else { return None };
        (first.coefficients().len() == 2).then(|| {
            let unit = self.rest.end.wide();
            let before = self.taus[self.steps() - 1].wide();
            adams_bashforth(before, unit * first.tau(), unit * next.tau()).map(F::of)
        })
    }

    /// `sum_j w_j b_j` at step `k`; leaves the weights in `evaluation`.
    #[inline(always)]
    fn rate(&self, anchors: &Anchors<F>, k: usize, evaluation: &mut Evaluation<F>) -> Vec<F> {
        let Evaluation { difference, weights } = evaluation;
        let (z, tau, own) = (&self.states[k], self.taus[k], anchors.point(self.rest.own));
        weights.clear();
        for (j, (half, log_weight)) in self.rest.near.iter().zip(&self.near) {
            subtract(difference, anchors.point(*j as usize), own);
            weights.push(tau * dot(z, difference) - tau * tau * *half + *log_weight);
        }
        let most = largest(weights, F::zero());
        let mut norm = (-most).exp_of_negative();
        for (w, (half, _)) in weights.iter_mut().zip(&self.near) {
            let e = (*w - most).exp_of_negative();
            norm += e;
            // Anchors in the own place share its weight.
            *w = if *half > F::zero() { e } else { F::zero() };
        }
        let mut rate = vec![F::zero(); z.len()];
        for (w, j) in weights.iter_mut().zip(&self.rest.near) {
            *w /= norm;
            if *w > F::zero() {
                subtract(difference, anchors.point(*j as usize), own);
                add_scaled(&mut rate, *w, difference);
            }
        }
        rate
    }

    /// Goes back over the steps, from the cotangents of the end and of the last rate; returns that of the noise.
    pub(super) fn pull(&self, anchors: &Anchors<F>, end: &[F], last_rate: &[F], sink: &mut Sink<F>) -> Vec<F> {
        let mut evaluation = Evaluation { difference: vec![F::zero(); end.len()], weights: Vec::new() };
        let mut state = end.to_vec();
        // What the step behind the present one adds to the cotangent of the present rate.
        let mut from_behind = last_rate.to_vec();
        vectorised(
            #[inline(always)]
            || {
                for k in (0..self.steps()).rev() {
                    let [newest, older] = self.coefficients(k);
                    let mut g = from_behind.clone();
                    add_scaled(&mut g, newest, &state);
                    from_behind = state.iter().map(|x| older * *x).collect();
                    self.pull_rate(anchors, k, &g, &mut state, sink, &mut evaluation);
                }
            },
        );
        state
    }

    /// The vector-Jacobian product of one rate: adds to the cotangent of the state and to the sink.
    #[inline(always)]
    fn pull_rate(
        &self,
        anchors: &Anchors<F>,
        k: usize,
        g: &[F],
        state: &mut [F],
        sink: &mut Sink<F>,
        evaluation: &mut Evaluation<F>,
    ) {
        let rate = self.rate(anchors, k, evaluation);
        let Evaluation { difference, weights } = evaluation;
        let (z, tau, own) = (&self.states[k], self.taus[k], self.rest.own);
        let mean = dot(g, &rate);
        let (mut of_own, mut rho) = (vec![F::zero(); g.len()], F::zero());
        for (j, w) in self.rest.near.iter().zip(weights.iter()).filter(|(_, w)| **w > F::zero()) {
            let j = *j as usize;
            subtract(difference, anchors.point(j), anchors.point(own));
            let s = *w * (dot(g, difference) - mean);
            rho += s;
            add_scaled(state, tau * s, difference);
            // d b_j = w g + tau S z - tau^2 S b_j
            for ((b, g), z) in difference.iter_mut().zip(g).zip(z) {
                *b = *w * *g + tau * s * (*z - tau * *b);
            }
            add_scaled(&mut of_own, -F::one(), difference);
            sink.add_single(j, difference, s);
        }
        sink.add_single(own, &of_own, -rho);
    }
}
