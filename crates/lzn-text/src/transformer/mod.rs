//! The transformer that encoder and decoder share: embeddings of tokens and positions, blocks, a last normalisation.
//!
//! Blocks normalise first (Xiong et al. 2020): `x + attention(norm(x))`, then `x + dense(norm(x))`, which trains without a warm-up.

mod attention;
mod block;
mod norm;

pub(crate) use attention::{Cache, Sight};

use lzn_torch::{Init, Scope, Shared};
use tch::Tensor;

use crate::config::Shape;
use crate::tokens::VOCABULARY;
use block::Block;
use norm::LayerNorm;

/// Tokens in, one row of numbers for each out.
#[derive(Debug, Clone)]
pub(crate) struct Transformer {
    tokens: Shared,
    positions: Shared,
    blocks: Vec<Block>,
    norm: LayerNorm,
    dropout: f64,
}

impl Transformer {
    /// Registers `tokens`, `positions`, `blocks.N.*` and `norm.*`.
    pub(crate) fn new(scope: &Scope, shape: &Shape) -> Self {
        // Rows of norm 1: as large as what one block adds, so that neither drowns the other.
        let init = Init::Normal { std: 1.0 / (shape.width as f64).sqrt() };
        let table = |name, rows| Shared::from(scope.param(name, &[rows, shape.width], init));
        Self {
            tokens: table("tokens", VOCABULARY),
            positions: table("positions", shape.positions as i64),
            blocks: (0..shape.layers).map(|i| Block::new(&(scope / "blocks" / i), shape)).collect(),
            norm: LayerNorm::new(&(scope / "norm"), shape.width),
            dropout: shape.dropout,
        }
    }

    /// Embeddings of `tokens [B, L]`: `[B, L, width]`, without positions.
    pub(crate) fn embed(&self, tokens: &Tensor) -> Tensor {
        Tensor::embedding(&self.tokens, tokens, -1, false, false)
    }

    /// Runs all blocks over `x [B, L, width]`, whose first row is at position `start`; the shape stays.
    pub(crate) fn forward(&self, x: &Tensor, start: i64, sight: &Sight, train: bool) -> Tensor {
        let x = (x + self.positions.narrow(0, start, x.size()[1])).dropout(self.dropout, train);
        self.norm.forward(&self.blocks.iter().fold(x, |x, block| block.forward(&x, sight, None, train)))
    }

    /// An empty memory for [`Transformer::resume`].
    pub(crate) fn memory(&self) -> Vec<Cache> {
        self.blocks.iter().map(|_| Cache::default()).collect()
    }

    /// As [`Transformer::forward`] for rows that see each other causally and, through `memory`, all rows before them, of which there
    /// are `start`.
    pub(crate) fn resume(&self, x: &Tensor, start: i64, memory: &mut [Cache]) -> Tensor {
        let x = x + self.positions.narrow(0, start, x.size()[1]);
        let pairs = self.blocks.iter().zip(memory);
        self.norm.forward(&pairs.fold(x, |x, (block, cache)| block.forward(&x, &Sight::Earlier, Some(cache), false)))
    }
}
