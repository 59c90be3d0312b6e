//! Single layers with their published first values.

use tch::Tensor;

use crate::Shared;
use crate::params::{Init, Scope};

/// Convolution with bias, stride 1 and padding that keeps the size.
#[derive(Debug, Clone)]
pub struct Conv2d {
    weight: Shared,
    bias: Shared,
    padding: i64,
}

impl Conv2d {
    /// Registers `weight` `[outputs, inputs, kernel, kernel]` (first values [`Init::FanAverage`] of `scale`) and `bias`
    /// `[outputs]` (zero). `kernel` is odd.
    pub fn new(scope: &Scope, inputs: i64, outputs: i64, kernel: i64, scale: f64) -> Self {
        let weight = scope.param("weight", &[outputs, inputs, kernel, kernel], Init::FanAverage { scale }).into();
        Self { weight, bias: scope.param("bias", &[outputs], Init::Constant(0.0)).into(), padding: kernel / 2 }
    }

    /// As [`Conv2d::new`] with a 1x1 kernel, weight and bias uniform within `1/sqrt(inputs)`: the customary start of a layer
    /// for which NCSN++ states none.
    pub fn pointwise_uniform(scope: &Scope, inputs: i64, outputs: i64) -> Self {
        let init = Init::Uniform { bound: 1.0 / (inputs as f64).sqrt() };
        let weight = scope.param("weight", &[outputs, inputs, 1, 1], init).into();
        Self { weight, bias: scope.param("bias", &[outputs], init).into(), padding: 0 }
    }

    /// `[B, inputs, H, W]` to `[B, outputs, H, W]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.conv2d(&self.weight, Some(&*self.bias), 1, self.padding, 1, 1)
    }
}

/// Dense layer with bias.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Shared,
    bias: Shared,
}

impl Linear {
    /// Registers `weight` `[outputs, inputs]` (first values [`Init::FanAverage`] of scale 1) and `bias` `[outputs]` (zero).
    pub fn new(scope: &Scope, inputs: i64, outputs: i64) -> Self {
        let weight = scope.param("weight", &[outputs, inputs], Init::FanAverage { scale: 1.0 }).into();
        Self { weight, bias: scope.param("bias", &[outputs], Init::Constant(0.0)).into() }
    }

    /// As [`Linear::new`], with weight and bias uniform within `1/sqrt(inputs)`.
    pub fn uniform(scope: &Scope, inputs: i64, outputs: i64) -> Self {
        let init = Init::Uniform { bound: 1.0 / (inputs as f64).sqrt() };
        let weight = scope.param("weight", &[outputs, inputs], init).into();
        Self { weight, bias: scope.param("bias", &[outputs], init).into() }
    }

    /// `[B, inputs]` to `[B, outputs]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&*self.bias))
    }
}

/// Dense layer over the channels of a list of tokens ("network in network"): `x W + b` with `W` `[inputs, outputs]`.
#[derive(Debug, Clone)]
pub struct NetworkInNetwork {
    weight: Shared,
    bias: Shared,
}

impl NetworkInNetwork {
    /// Registers `weight` `[channels, channels]` (first values [`Init::FanAverage`] of `scale`) and `bias` (zero).
    pub fn new(scope: &Scope, channels: i64, scale: f64) -> Self {
        let weight = scope.param("weight", &[channels, channels], Init::FanAverage { scale }).into();
        Self { weight, bias: scope.param("bias", &[channels], Init::Constant(0.0)).into() }
    }

    /// `[tokens, channels]` to the same shape.
    pub fn forward(&self, tokens: &Tensor) -> Tensor {
        self.bias.addmm(tokens, &self.weight)
    }
}

/// Group normalisation with scale and shift: a quarter as many groups as channels, at most 32; epsilon 1e-6.
#[derive(Debug, Clone)]
pub struct GroupNorm {
    weight: Shared,
    bias: Shared,
    groups: i64,
}

impl GroupNorm {
    /// Registers `weight` (ones) and `bias` (zeros), both `[channels]`. [`crate::nn::Layout`] has made sure that the groups
    /// divide the channels.
    pub fn new(scope: &Scope, channels: i64) -> Self {
        let weight = scope.param("weight", &[channels], Init::Constant(1.0)).into();
        let groups = Self::groups(channels as usize) as i64;
        Self { weight, bias: scope.param("bias", &[channels], Init::Constant(0.0)).into(), groups }
    }

    /// How many groups a layer of so many channels has.
    pub fn groups(channels: usize) -> usize {
        (channels / 4).min(32)
    }

    /// `[B, channels, H, W]` to the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.group_norm(self.groups, Some(&*self.weight), Some(&*self.bias), 1e-6, true)
    }
}
