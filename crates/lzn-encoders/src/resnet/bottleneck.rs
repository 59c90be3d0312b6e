//! The bottleneck block.

use lzn_torch::autograd::recompute;
use lzn_torch::{Scope, Shared, TorchError};
use tch::Tensor;

use super::layers::NormedConv;

/// How many times wider a block's output is than its middle.
pub(super) const EXPANSION: i64 = 4;

/// Bottleneck (He et al. 2016): 1x1, 3x3 and 1x1 convolution, each normalised, added to the input; ReLU between and after.
/// The 3x3 convolution has the stride, and the first block of a stage projects its input to the new shape.
#[derive(Debug, Clone)]
pub(super) struct Bottleneck {
    projection: Option<NormedConv>,
    reduce: NormedConv,
    middle: NormedConv,
    expand: NormedConv,
    parameters: Vec<Shared>,
}

impl Bottleneck {
    /// Registers `projection.*` if `projects`, then `reduce.*`, `middle.*`, `expand.*`. The output has `4 * channels` channels.
    pub(super) fn new(scope: &Scope, inputs: i64, channels: i64, stride: i64, projects: bool) -> Self {
        let outputs = EXPANSION * channels;
        Self {
            projection: projects.then(|| NormedConv::new(&(scope / "projection"), (inputs, outputs), 1, stride)),
            reduce: NormedConv::new(&(scope / "reduce"), (inputs, channels), 1, 1),
            middle: NormedConv::new(&(scope / "middle"), (channels, channels), 3, stride),
            expand: NormedConv::new(&(scope / "expand"), (channels, outputs), 1, 1),
            // Fields are evaluated in order, so all are registered by now.
            parameters: scope.trainable(),
        }
    }

    /// `[B, inputs, H, W]` to `[B, outputs, H', W']`; with `again` the backward pass computes the inside of the block anew.
    pub(super) fn forward(&self, x: &Tensor, again: bool) -> Result<Tensor, TorchError> {
        if !again {
            return Ok(self.compute(x));
        }
        let block = self.clone();
        recompute("bottleneck", &[x], &self.parameters, move |x: &[Tensor]| Ok(block.compute(&x[0])))
    }

    fn compute(&self, x: &Tensor) -> Tensor {
        let shortcut = self.projection.as_ref().map_or_else(|| x.shallow_clone(), |projection| projection.forward(x));
        let h = self.reduce.forward(x).relu();
        let h = self.middle.forward(&h).relu();
        (self.expand.forward(&h) + shortcut).relu()
    }
}
