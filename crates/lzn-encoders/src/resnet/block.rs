//! Residual blocks: the basic one and the bottleneck.

use lzn_torch::autograd::recompute;
use lzn_torch::{Scope, Shared, TorchError};
use tch::Tensor;

use super::config::{BlockKind, ResNetConfig};
use super::layers::NormedConv;
use super::selective::SelectiveConv;

/// What surrounds a block: channels of its input, channels in which it works, and by how much it divides the resolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) inputs: i64,
    pub(super) channels: i64,
    pub(super) stride: i64,
    /// Whether it is the first of its stage.
    pub(super) first: bool,
}

/// A residual block (He et al. 2016): normalised convolutions with ReLU between, added to the input, and ReLU. A block that changes the
/// shape projects its input to the new one by a 1x1 convolution; the first bottleneck of a stage always projects.
#[derive(Debug, Clone)]
pub(super) struct Block {
    projection: Option<NormedConv>,
    path: Vec<Layer>,
    parameters: Vec<Shared>,
}

/// One step of a block's path.
#[derive(Debug, Clone)]
enum Layer {
    Conv(NormedConv),
    Selective(SelectiveConv),
}

impl Layer {
    fn forward(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Conv(conv) => conv.forward(x),
            Self::Selective(conv) => conv.forward(x),
        }
    }
}

impl Block {
    /// Registers `projection.*` if the block projects; then `reduce.*`, `middle.*` and `expand.*` of a bottleneck, whose 3x3 convolution
    /// has the stride and may have selective kernels, or `first.*` and `second.*` of a basic block, whose first convolution has it.
    pub(super) fn new(scope: &Scope, config: &ResNetConfig, place: Place) -> Self {
        let (kind, groups) = (config.block, config.groups as i64);
        let Place { inputs, channels, stride, first } = place;
        let outputs = kind.expansion() * channels;
        let conv = |name: &str, io, kernel, stride| NormedConv::new(&(scope / name), io, (kernel, stride), groups);
        let projects = match kind {
            BlockKind::Bottleneck => first,
            BlockKind::Basic => stride > 1 || inputs != outputs,
        };
        let projection = projects.then(|| conv("projection", (inputs, outputs), 1, stride));
        let layer = |name: &str, io, kernel, stride| Layer::Conv(conv(name, io, kernel, stride));
        let path = match kind {
            BlockKind::Bottleneck => vec![
                layer("reduce", (inputs, channels), 1, 1),
                if config.selective_kernels {
                    Layer::Selective(SelectiveConv::new(&(scope / "middle"), channels, stride, groups))
                } else {
                    layer("middle", (channels, channels), 3, stride)
                },
                layer("expand", (channels, outputs), 1, 1),
            ],
            BlockKind::Basic => {
                vec![layer("first", (inputs, channels), 3, stride), layer("second", (channels, channels), 3, 1)]
            }
        };
        Self { projection, path, parameters: scope.trainable() }
    }

    /// `[B, inputs, H, W]` to `[B, outputs, H', W']`; with `again` the backward pass computes the inside of the block anew.
    pub(super) fn forward(&self, x: &Tensor, again: bool) -> Result<Tensor, TorchError> {
        if !again {
            return Ok(self.compute(x));
        }
        let block = self.clone();
        recompute("residual block", &[x], &self.parameters, move |x: &[Tensor]| Ok(block.compute(&x[0])))
    }

    fn compute(&self, x: &Tensor) -> Tensor {
        let shortcut = self.projection.as_ref().map_or_else(|| x.shallow_clone(), |projection| projection.forward(x));
        let mut layers = self.path.iter();
        let first = layers.next().map_or_else(|| x.shallow_clone(), |layer| layer.forward(x));
        let h = layers.fold(first, |h, layer| layer.forward(&h.relu()));
        (h + shortcut).relu()
    }
}
