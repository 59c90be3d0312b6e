//! One block of the transformer.

use lzn_torch::Scope;
use lzn_torch::nn::Linear;
use tch::Tensor;

use super::attention::{Attention, Cache, Sight};
use super::norm::LayerNorm;
use crate::config::Shape;

/// Width of the hidden dense layer, in widths of a token (Vaswani et al. 2017).
const EXPANSION: i64 = 4;

/// Attention, then two dense layers with GELU between, each around a residual sum.
#[derive(Debug, Clone)]
pub(super) struct Block {
    first: LayerNorm,
    attention: Attention,
    second: LayerNorm,
    up: Linear,
    down: Linear,
    dropout: f64,
}

impl Block {
    /// Registers `first`, `attention`, `second`, `up` and `down`.
    pub(super) fn new(scope: &Scope, shape: &Shape) -> Self {
        let (width, hidden) = (shape.width, EXPANSION * shape.width);
        Self {
            first: LayerNorm::new(&(scope / "first"), width),
            attention: Attention::new(&(scope / "attention"), width, shape.heads),
            second: LayerNorm::new(&(scope / "second"), width),
            up: Linear::new(&(scope / "up"), width, hidden),
            down: Linear::new(&(scope / "down"), hidden, width),
            dropout: shape.dropout,
        }
    }

    /// `[B, L, width]` to the same shape.
    pub(super) fn forward(&self, x: &Tensor, sight: &Sight, cache: Option<&mut Cache>, train: bool) -> Tensor {
        let seen = self.attention.forward(&self.first.forward(x), sight, cache);
        let x = x + seen.dropout(self.dropout, train);
        let hidden = self.up.forward(&self.second.forward(&x)).gelu("none");
        &x + self.down.forward(&hidden).dropout(self.dropout, train)
    }
}
