//! Latents to rows.

use lzn_tasks::TaskError;
use lzn_tasks::task::TaskOptions;
use lzn_tasks::types::{Decoder, Given, PartName, Samples};
use lzn_torch::ParamStore;
use lzn_torch::nn::Linear;
use tch::{Kind, Tensor};

/// Two dense layers that give the mean row of a latent; what it learns by is the mean squared error.
#[derive(Debug)]
pub struct RowDecoder {
    params: ParamStore,
    layers: [Linear; 2],
}

impl RowDecoder {
    /// Registers its parameters under names of its own.
    pub fn new(params: ParamStore, columns: i64, dim: i64) -> Self {
        let root = params.root();
        let layers = [Linear::uniform(&(&root / "hidden"), dim, 128), Linear::uniform(&(&root / "row"), 128, columns)];
        Self { params, layers }
    }

    fn rows(&self, latents: &Tensor) -> Tensor {
        self.layers[1].forward(&self.layers[0].forward(latents).silu())
    }
}

impl Decoder for RowDecoder {
    fn decode(&self, given: &Given, _: &TaskOptions) -> Result<Samples, TaskError> {
        Ok(Samples::Rows(self.rows(given.points()?)))
    }

    fn loss(&self, samples: &Samples, given: &Given, _: &[Tensor]) -> Option<Result<Tensor, TaskError>> {
        let loss = |rows: &Tensor| Ok((self.rows(given.points()?) - rows).square().mean(Kind::Float));
        Some(samples.rows().and_then(loss))
    }

    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        vec![(PartName::new("row.decoder"), self.params.clone())]
    }
}
