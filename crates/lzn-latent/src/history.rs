//! The linear multistep rule and its transpose.

use std::collections::VecDeque;

use ndarray::Array2;

use crate::{Node, Plan, Real};

/// `state += sum_m C_m history[m]`, newest value first.
pub(crate) fn advance<F: Real>(state: &mut Array2<F>, node: &Node, history: &VecDeque<Array2<F>>) {
    for (coefficient, value) in node.coefficients().iter().zip(history) {
        state.scaled_add(F::of(*coefficient), value);
    }
}

/// The cotangents of the states behind a node, from which that of its rate follows.
pub(crate) struct Cotangents<F> {
    /// Cotangents of the states `k + 1, k + 2, ...`.
    states: VecDeque<Array2<F>>,
    kept: usize,
}

impl<F: Real> Cotangents<F> {
    /// Starts at the last state.
    pub(crate) fn new(plan: &Plan, last: Array2<F>) -> Self {
        Self { states: VecDeque::from([last]), kept: plan.history() }
    }

    /// Cotangent of the rate at node `k`: `sum_m C_{k+m, m} lambda_{k+m+1}`.
    pub(crate) fn rate(&self, plan: &Plan, k: usize) -> Array2<F> {
        let mut rate = Array2::zeros(self.states[0].raw_dim());
        for (m, state) in self.states.iter().enumerate() {
            if let Some(coefficient) = plan.nodes().get(k + m).and_then(|node| node.coefficients().get(m)) {
                rate.scaled_add(F::of(*coefficient), state);
            }
        }
        rate
    }

    /// Goes to the state before: its cotangent is the newest plus `through`, what the evaluation there passes on.
    pub(crate) fn retreat(&mut self, through: &Array2<F>) {
        let state = &self.states[0] + through;
        self.states.push_front(state);
        self.states.truncate(self.kept);
    }

    /// Cotangent of the earliest state reached.
    pub(crate) fn first(&self) -> &Array2<F> {
        &self.states[0]
    }
}
