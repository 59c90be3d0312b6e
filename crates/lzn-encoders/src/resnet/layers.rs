//! Layers of a ResNet: convolutions with stride and without bias, and group normalisation.

use lzn_torch::{Init, Scope, Shared};
use tch::Tensor;

const EPSILON: f64 = 1e-5;

/// Values of a weight uniform within `1/sqrt(fan_in)`, the customary start of layers for which no other is stated.
pub(super) fn weight(scope: &Scope, shape: &[i64]) -> Shared {
    let fan_in: i64 = shape.iter().skip(1).product();
    scope.param("weight", shape, Init::Uniform { bound: 1.0 / (fan_in as f64).sqrt() }).into()
}

/// Convolution with normalisation.
#[derive(Debug, Clone)]
pub(super) struct NormedConv {
    weight: Shared,
    norm: Norm,
    stride: i64,
}

impl NormedConv {
    /// Registers `conv.weight` `[outputs, inputs, kernel, kernel]`, `norm.weight` and `norm.bias`. `kernel` is odd; the padding is
    /// half of it, so that the size is divided by `stride`, rounded up.
    pub(super) fn new(scope: &Scope, (inputs, outputs): (i64, i64), (kernel, stride): (i64, i64), groups: i64) -> Self {
        let weight = weight(&(scope / "conv"), &[outputs, inputs, kernel, kernel]);
        Self { weight, norm: Norm::new(&(scope / "norm"), outputs, groups), stride }
    }

    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let padding = self.weight.size()[2] / 2;
        self.norm.forward(&x.conv2d(&self.weight, None::<&Tensor>, self.stride, padding, 1, 1))
    }
}

/// Dense layer without bias, with normalisation.
#[derive(Debug, Clone)]
pub(super) struct NormedLinear {
    weight: Shared,
    norm: Norm,
}

impl NormedLinear {
    /// Registers `linear.weight` `[outputs, inputs]`, `norm.weight` and `norm.bias`.
    pub(super) fn new(scope: &Scope, (inputs, outputs): (i64, i64), groups: i64) -> Self {
        let weight = weight(&(scope / "linear"), &[outputs, inputs]);
        Self { weight, norm: Norm::new(&(scope / "norm"), outputs, groups) }
    }

    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        self.norm.forward(&x.linear(&self.weight, None::<&Tensor>))
    }
}

/// Group normalisation with scale and shift.
#[derive(Debug, Clone)]
struct Norm {
    weight: Shared,
    bias: Shared,
    groups: i64,
}

impl Norm {
    fn new(scope: &Scope, channels: i64, groups: i64) -> Self {
        let weight = scope.param("weight", &[channels], Init::Constant(1.0)).into();
        Self { weight, bias: scope.param("bias", &[channels], Init::Constant(0.0)).into(), groups }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        x.group_norm(self.groups, Some(&*self.weight), Some(&*self.bias), EPSILON, true)
    }
}
