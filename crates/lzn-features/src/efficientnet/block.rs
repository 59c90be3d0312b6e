//! The inverted bottleneck of mobile networks (Sandler et al. 2018).

use lzn_torch::Scope;
use tch::{TchError, Tensor};

use crate::conv::NormedConv;

/// Widens, filters each channel by itself, narrows; added to its input where the shape allows it.
#[derive(Debug)]
pub(super) struct Block {
    expand: Option<NormedConv>,
    depthwise: NormedConv,
    project: NormedConv,
    kernel: i64,
    stride: i64,
    residual: bool,
}

impl Block {
    /// Registers `_expand_conv` and `_bn0` (unless `expansion` is 1), `_depthwise_conv` and `_bn1`, `_project_conv` and
    /// `_bn2`.
    pub(super) fn new(scope: &Scope, inputs: i64, outputs: i64, kernel: i64, stride: i64, expansion: i64) -> Self {
        let inside = inputs * expansion;
        let pointwise = |conv, norm, outputs, inputs| {
            NormedConv::new(&(scope / conv), &(scope / norm), [outputs, inputs, 1, 1], 1, [0, 0])
        };
        Self {
            expand: (expansion > 1).then(|| pointwise("_expand_conv", "_bn0", inside, inputs)),
            depthwise: NormedConv::depthwise(&(scope / "_depthwise_conv"), &(scope / "_bn1"), inside, kernel, stride),
            project: pointwise("_project_conv", "_bn2", outputs, inside),
            kernel,
            stride,
            residual: stride == 1 && inputs == outputs,
        }
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let h = match &self.expand {
            Some(expand) => relu6(expand.forward(x)?)?,
            None => x.shallow_clone(),
        };
        let h = relu6(self.depthwise.forward(&pad_same(&h, self.kernel, self.stride)?)?)?;
        let h = self.project.forward(&h)?;
        if self.residual { h.f_add(x) } else { Ok(h) }
    }
}

/// Pads with zeros so that a convolution makes `size / stride` pixels, rounded up; where the padding is odd, the larger
/// half is at the end ("SAME" in TensorFlow).
pub(super) fn pad_same(x: &Tensor, kernel: i64, stride: i64) -> Result<Tensor, TchError> {
    let (_, _, height, width) = x.size4()?;
    let total = |size: i64| (((size + stride - 1) / stride - 1) * stride + kernel - size).max(0);
    let (rows, columns) = (total(height), total(width));
    x.f_constant_pad_nd([columns / 2, columns - columns / 2, rows / 2, rows - rows / 2])
}

/// Clips to 0..=6.
pub(super) fn relu6(mut x: Tensor) -> Result<Tensor, TchError> {
    x.f_clamp_(0.0, 6.0)
}
