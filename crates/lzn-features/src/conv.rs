//! Convolution with a fixed normalisation: what both pretrained networks are made of.

use lzn_torch::{Init, Scope};
use tch::{TchError, Tensor};

/// Of every normalisation in these networks, both of TensorFlow's making.
const EPSILON: f64 = 1e-3;

/// Convolution without bias, then normalisation by stored means and variances.
#[derive(Debug)]
pub(crate) struct NormedConv {
    kernel: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    stride: i64,
    padding: [i64; 2],
    groups: i64,
}

impl NormedConv {
    /// Registers `weight` `[outputs, inputs, height, width]` at `conv`, and `weight`, `bias`, `running_mean`,
    /// `running_var` at `norm`.
    pub(crate) fn new(conv: &Scope, norm: &Scope, shape: [i64; 4], stride: i64, padding: [i64; 2]) -> Self {
        let fixed = |scope: &Scope, name, shape: &[i64]| scope.constant(name, shape, Init::Constant(0.0));
        let vector = |name| fixed(norm, name, &shape[..1]);
        Self {
            kernel: fixed(conv, "weight", &shape),
            scale: vector("weight"),
            shift: vector("bias"),
            mean: vector("running_mean"),
            variance: vector("running_var"),
            stride,
            padding,
            groups: 1,
        }
    }

    /// Each channel by itself: as [`NormedConv::new`] with `[channels, 1, kernel, kernel]` and no padding.
    pub(crate) fn depthwise(conv: &Scope, norm: &Scope, channels: i64, kernel: i64, stride: i64) -> Self {
        let conv = Self::new(conv, norm, [channels, 1, kernel, kernel], stride, [0, 0]);
        Self { groups: channels, ..conv }
    }

    /// `[B, inputs, H, W]` to `[B, outputs, h, w]`, without an activation.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_conv2d(&self.kernel, None::<&Tensor>, self.stride, self.padding, 1, self.groups)?.f_batch_norm(
            Some(&self.scale),
            Some(&self.shift),
            Some(&self.mean),
            Some(&self.variance),
            false,
            0.0,
            EPSILON,
            true,
        )
    }
}
