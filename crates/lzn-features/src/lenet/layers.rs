//! The layers: two convolutions, two dense layers.

use lzn_torch::{Init, ParamStore, Scope};
use tch::{TchError, Tensor};

/// Numbers in the features.
pub(super) const FEATURES: i64 = 128;
/// Channels of the two convolutions.
const CHANNELS: [i64; 2] = [32, 64];
/// Side of their kernels.
const KERNEL: i64 = 5;

#[derive(Debug)]
pub(super) struct Layers {
    conv: [Layer; 2],
    dense: Layer,
    scores: Layer,
}

#[derive(Debug)]
struct Layer {
    weight: Tensor,
    bias: Tensor,
}

impl Layer {
    /// Weight and bias uniform within `1/sqrt(fan_in)`.
    fn new(scope: &Scope, shape: &[i64]) -> Self {
        let fan_in: i64 = shape.iter().skip(1).product();
        let init = Init::Uniform { bound: 1.0 / (fan_in as f64).sqrt() };
        Self { weight: scope.param("weight", shape, init), bias: scope.param("bias", &shape[..1], init) }
    }

    /// Convolution that keeps the size, ReLU, and the maximum of 2x2 pixels.
    fn convolve(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_conv2d(&self.weight, Some(&self.bias), 1, KERNEL / 2, 1, 1)?.f_relu()?.f_max_pool2d(
            [2, 2],
            [2, 2],
            [0, 0],
            [1, 1],
            false,
        )
    }

    fn linear(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.weight, Some(&self.bias))
    }
}

/// What the layers make of `B` images.
pub(super) struct Outputs {
    /// `[B, 64]`: the second convolution's channels, averaged over all places.
    pub(super) early: Tensor,
    /// `[B, 128]`: the first dense layer after its ReLU.
    pub(super) features: Tensor,
    /// `[B, classes]`: scores.
    pub(super) scores: Tensor,
}

impl Layers {
    /// Registers `conv1.*`, `conv2.*`, `dense.*`, `scores.*`. `shape` is channels, height and width.
    pub(super) fn new(store: &ParamStore, [channels, height, width]: [usize; 3], classes: usize) -> Self {
        let root = store.root();
        let places = (height / 4 * (width / 4)) as i64;
        Self {
            conv: [
                Layer::new(&(&root / "conv1"), &[CHANNELS[0], channels as i64, KERNEL, KERNEL]),
                Layer::new(&(&root / "conv2"), &[CHANNELS[1], CHANNELS[0], KERNEL, KERNEL]),
            ],
            dense: Layer::new(&(&root / "dense"), &[FEATURES, CHANNELS[1] * places]),
            scores: Layer::new(&(&root / "scores"), &[classes as i64, FEATURES]),
        }
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Outputs, TchError> {
        let x = self.conv[1].convolve(&self.conv[0].convolve(x)?)?;
        let features = self.dense.linear(&x.f_flatten(1, -1)?)?.f_relu()?;
        let scores = self.scores.linear(&features)?;
        Ok(Outputs { early: x.f_mean_dim(&[2_i64, 3][..], false, None)?, features, scores })
    }
}
