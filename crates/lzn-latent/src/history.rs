//! The linear multistep rule and its transpose, with coefficients of their own for every row.

use std::collections::VecDeque;

use ndarray::Array2;

use crate::{Plan, Real};

/// The coefficients of a plan for the rows of one tile.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace<F> {
    /// What the plan's numbers are multiples of, `[rows]`.
    pub(crate) units: Vec<F>,
    /// Coefficients of the first step for rows that come with an evaluation from before.
    pub(crate) first: Vec<Option<[F; 2]>>,
}

impl<F: Real> Pace<F> {
    /// One unit for all rows.
    pub(crate) fn uniform(rows: usize, unit: F) -> Self {
        Self { units: vec![unit; rows], first: vec![None; rows] }
    }

    /// `tau` at node `k` of the given rows.
    pub(crate) fn taus(&self, plan: &Plan, k: usize, rows: &[usize]) -> Vec<F> {
        let tau = F::of(plan.nodes()[k].tau());
        rows.iter().map(|row| self.units[*row] * tau).collect()
    }

    /// The factor of the rate `m` evaluations before node `k` in the step of row `i` behind it.
    fn coefficient(&self, plan: &Plan, k: usize, m: usize, i: usize) -> F {
        match (k, self.first[i]) {
            (0, Some(first)) if m < 2 => first[m],
            _ => plan.nodes()[k].coefficients().get(m).map_or(F::zero(), |c| F::of(*c) * self.units[i]),
        }
    }

    /// `state += sum_m C_m history[m]` behind node `k` for the given rows, newest rate first.
    pub(crate) fn advance(
        &self,
        plan: &Plan,
        k: usize,
        rows: &[usize],
        state: &mut Array2<F>,
        history: &VecDeque<Array2<F>>,
    ) {
        for (m, rates) in history.iter().enumerate().take(plan.nodes()[k].coefficients().len()) {
            for &row in rows {
                state.row_mut(row).scaled_add(self.coefficient(plan, k, m, row), &rates.row(row));
            }
        }
    }
}

/// The cotangents of the states behind a node, from which that of its rate follows.
pub(crate) struct Cotangents<F> {
    /// Cotangents of the states `k + 1, k + 2, ...`, `[rows, d]`.
    states: VecDeque<Array2<F>>,
    kept: usize,
}

impl<F: Real> Cotangents<F> {
    /// Starts at the last state.
    pub(crate) fn new(plan: &Plan, last: Array2<F>) -> Self {
        Self { states: VecDeque::from([last]), kept: plan.history() }
    }

    /// Cotangent of the rates at node `k` of the given rows: `sum_m C_{k+m, m} lambda_{k+m+1}`.
    pub(crate) fn rate(&self, plan: &Plan, pace: &Pace<F>, k: usize, rows: &[usize]) -> Array2<F> {
        let mut rate = Array2::zeros((rows.len(), self.states[0].ncols()));
        for (m, state) in self.states.iter().enumerate().take_while(|(m, _)| k + m < plan.nodes().len()) {
            for (mut rate, &row) in rate.rows_mut().into_iter().zip(rows) {
                let coefficient = pace.coefficient(plan, k + m, m, row);
                if coefficient != F::zero() {
                    rate.scaled_add(coefficient, &state.row(row));
                }
            }
        }
        rate
    }

    /// Cotangent of the rate that row `i` brought with it from before node 0.
    pub(crate) fn rate_before(&self, plan: &Plan, pace: &Pace<F>, i: usize) -> Option<Vec<F>> {
        let state = self.states.get(1)?;
        let coefficient = pace.coefficient(plan, 0, 1, i);
        Some(state.row(i).iter().map(|x| coefficient * *x).collect())
    }

    /// Goes to the state before: its cotangent is the newest, plus `through` in the given rows, what the evaluation there
    /// passes on.
    pub(crate) fn retreat(&mut self, rows: &[usize], through: &Array2<F>) {
        let mut state = self.states[0].clone();
        for (&row, through) in rows.iter().zip(through.rows()) {
            state.row_mut(row).scaled_add(F::one(), &through);
        }
        self.states.push_front(state);
        // One more than a step reaches, for the rate from before the first node.
        self.states.truncate(self.kept.max(2));
    }

    /// Cotangent of the earliest state reached.
    pub(crate) fn first(&self) -> &Array2<F> {
        &self.states[0]
    }
}
