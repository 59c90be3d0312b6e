//! Tensors elsewhere, on a GPU above all: the same steps in operations of libtorch, as one node of the graph.
//!
//! As on the host, what is kept for the gradients are the states alone, and rows are worked on in chunks, so that nothing of the
//! size of all samples times all anchors exists at once. Published grids are gone through from end to end: the free
//! flight that the host leaves out is short of launches, not of arithmetic, here.

mod course;
mod field;
mod forward;
mod reverse;

pub(super) use forward::to_latents;
pub(super) use reverse::{all_log_probs, end_points, to_anchors};

use tch::{Kind, Tensor};

use super::Zones;
use field::Sink;

/// Elements of a chunk's weights at most: 256 MB in single precision.
const CHUNK: i64 = 1 << 26;

/// First row and number of rows of every chunk.
fn chunks(rows: i64, anchors: i64) -> impl Iterator<Item = (i64, i64)> {
    let size = (CHUNK / anchors.max(1)).max(1);
    (0..rows).step_by(size as usize).map(move |start| (start, size.min(rows - start)))
}

/// What the inputs of a flow were, for its gradients: anchors, points, weights.
struct Inputs {
    anchors: Tensor,
    weights: Option<Tensor>,
    kinds: Vec<Kind>,
}

impl Inputs {
    fn new(zones: &Zones<'_>, points: &Tensor) -> Self {
        let weights = zones.weights.map(Tensor::detach);
        let all = [Some(zones.anchors), Some(points), zones.weights];
        let kinds = all.into_iter().flatten().map(Tensor::kind).collect();
        Self { anchors: zones.anchors.detach(), weights, kinds }
    }

    fn zones(&self) -> Zones<'_> {
        Zones { anchors: &self.anchors, weights: self.weights.as_ref() }
    }

    /// Gradients in the order and the kinds of the inputs; that of a weight is that of its logarithm divided by the weight.
    fn in_order(&self, sink: Sink, points: Tensor) -> Vec<Option<Tensor>> {
        let weights = self.weights.as_ref().map(|weights| {
            let empty = weights.le(0.0);
            (sink.log_weights / weights.masked_fill(&empty, 1.0)).masked_fill(&empty, 0.0)
        });
        let all = [Some(sink.anchors), Some(points), weights].into_iter().flatten();
        all.zip(&self.kinds).map(|(gradient, kind)| Some(gradient.to_kind(*kind))).collect()
    }
}

/// The tensors that autograd must see.
fn inputs<'a>(zones: &Zones<'a>, points: &'a Tensor) -> Vec<&'a Tensor> {
    [Some(zones.anchors), Some(points), zones.weights].into_iter().flatten().collect()
}

/// Adds `sum_m C_m history[m]` to a state, newest rate first.
fn advance(state: &Tensor, coefficients: &[Tensor], history: &[Tensor]) -> Tensor {
    coefficients.iter().zip(history).fold(state.shallow_clone(), |state, (c, rate)| state + c * rate)
}

/// The cotangent of the rate at step `k` from those of the states behind it, nearest first.
fn rate_cotangent(course: &course::Course, k: usize, states: &[Tensor]) -> Tensor {
    let terms = states.iter().enumerate().filter_map(|(m, state)| {
        let coefficient = course.steps.get(k + m)?.coefficients.get(m)?;
        Some(coefficient * state)
    });
    terms.reduce(|sum, term| sum + term).unwrap_or_else(|| states[0].zeros_like())
}
