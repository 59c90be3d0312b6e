//! Tensors elsewhere, on a GPU above all: the same steps in operations of libtorch, as one node of the graph.
//!
//! As on the host, what is kept for the gradients are the states alone, and rows are worked on in chunks, so that nothing of the
//! size of all samples times all anchors exists at once. Published grids are gone through from end to end: the free
//! flight that the host leaves out is short of launches, not of arithmetic, here.
//!
//! `scaled_dot_product_attention` is not used, although `sum_j w_j a_j` is an attention of the rows to the anchors. The rate is
//! `sum_j w_j (a_j - a_own)` without the own anchor, whose weight must not be obtained as one minus something (docs/zoning.md, section 3):
//! a mask of one column per row, which fused kernels take only as an array of all rows times all anchors; logits from differences of
//! distances, which they have no place for; and gradients and log-probabilities need the weights or their sum, which they do not return.

mod course;
mod field;
mod forward;
mod reverse;

pub(super) use forward::to_latents;
pub(super) use reverse::{all_log_probs, end_points, to_anchors};

use tch::Tensor;

use super::Zones;
use super::inputs::{Inputs, Returns};
use field::Sink;

/// Elements of a chunk's weights at most: 256 MB in single precision.
const CHUNK: i64 = 1 << 26;

/// First row and number of rows of every chunk.
fn chunks(rows: i64, anchors: i64) -> impl Iterator<Item = (i64, i64)> {
    let size = (CHUNK / anchors.max(1)).max(1);
    (0..rows).step_by(size as usize).map(move |start| (start, size.min(rows - start)))
}

/// The anchors of a flow and how gradients are given back, for its node.
struct Kept {
    anchors: Tensor,
    returns: Returns,
}

impl Kept {
    fn new(zones: &Zones<'_>, inputs: &Inputs<'_>) -> Self {
        Self { anchors: zones.anchors.detach(), returns: inputs.returns() }
    }

    fn zones(&self) -> Zones<'_> {
        Zones { anchors: &self.anchors, weights: self.returns.weights.as_ref() }
    }

    fn in_order(&self, sink: Sink, points: Tensor) -> Vec<Option<Tensor>> {
        self.returns.in_order(sink.anchors, points, &sink.log_weights)
    }
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
