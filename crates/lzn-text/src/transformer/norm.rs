//! Layer normalisation.

use lzn_torch::{Init, Scope, Shared};
use tch::Tensor;

/// Mean 0 and variance 1 over the numbers of each token, then scale and shift (Ba et al. 2016); epsilon 1e-5.
#[derive(Debug, Clone)]
pub(super) struct LayerNorm {
    weight: Shared,
    bias: Shared,
    width: i64,
}

impl LayerNorm {
    /// Registers `weight` (ones) and `bias` (zeros), both `[width]`.
    pub(super) fn new(scope: &Scope, width: i64) -> Self {
        let weight = scope.param("weight", &[width], Init::Constant(1.0)).into();
        Self { weight, bias: scope.param("bias", &[width], Init::Constant(0.0)).into(), width }
    }

    /// `[.., width]` to the same shape.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm([self.width], Some(&*self.weight), Some(&*self.bias), 1e-5, true)
    }
}
