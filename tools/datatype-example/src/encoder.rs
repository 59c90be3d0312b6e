//! Rows to anchors.

use lzn_tasks::TaskError;
use lzn_tasks::types::{Encoder, PartName, Pass, Placed, Samples};
use lzn_torch::ParamStore;
use lzn_torch::nn::Linear;
use tch::Tensor;

/// Two dense layers. Every row has a zone of its own, as images have.
#[derive(Debug)]
pub struct RowEncoder {
    params: ParamStore,
    layers: [Linear; 2],
}

impl RowEncoder {
    /// Registers its parameters under names of its own.
    pub fn new(params: ParamStore, columns: i64, dim: i64) -> Self {
        let root = params.root();
        let layers =
            [Linear::uniform(&(&root / "hidden"), columns, 128), Linear::uniform(&(&root / "anchor"), 128, dim)];
        Self { params, layers }
    }

    fn anchors(&self, rows: &Tensor) -> Tensor {
        self.layers[1].forward(&self.layers[0].forward(rows).silu())
    }
}

impl Encoder for RowEncoder {
    fn place(&self, samples: &Samples, _: Pass) -> Result<Placed, TaskError> {
        Ok(Placed::each(self.anchors(samples.rows()?)))
    }

    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        vec![(PartName::new("row.encoder"), self.params.clone())]
    }
}
