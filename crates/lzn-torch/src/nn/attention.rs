//! Self-attention over the pixels of a feature map.

use tch::Tensor;

use super::layers::{GroupNorm, NetworkInNetwork};
use super::residual::residual_sum;
use crate::params::Scope;

/// Scale of the first values of query, key and value, as in DDPM (Ho et al. 2020).
const PROJECTION_SCALE: f64 = 0.1;

/// `x + out(attention(query, key, value))` of the normalised `x`, with one head; every pixel is a token.
#[derive(Debug)]
pub struct SelfAttention {
    norm: GroupNorm,
    query: NetworkInNetwork,
    key: NetworkInNetwork,
    value: NetworkInNetwork,
    output: NetworkInNetwork,
    skip_rescale: bool,
}

impl SelfAttention {
    /// Registers `norm`, `query`, `key`, `value` and `output` (first values of scale `init_scale`).
    pub fn new(scope: &Scope, channels: i64, init_scale: f64, skip_rescale: bool) -> Self {
        let project = |name, scale| NetworkInNetwork::new(&(scope / name), channels, scale);
        Self {
            norm: GroupNorm::new(&(scope / "norm"), channels),
            query: project("query", PROJECTION_SCALE),
            key: project("key", PROJECTION_SCALE),
            value: project("value", PROJECTION_SCALE),
            output: project("output", init_scale),
            skip_rescale,
        }
    }

    /// `[B, C, H, W]` to the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (b, c, h, w) = x.size4().unwrap_or_default();
        // One copy to channels-last makes each projection a single matrix product.
        let tokens = self.norm.forward(x).permute([0, 2, 3, 1]).reshape([b * h * w, c]);
        let heads = |layer: &NetworkInNetwork| layer.forward(&tokens).view([b, 1, h * w, c]);
        let (query, key, value) = (heads(&self.query), heads(&self.key), heads(&self.value));
        let mixed =
            Tensor::scaled_dot_product_attention(&query, &key, &value, None::<&Tensor>, 0.0, false, None, false);
        let out = self.output.forward(&mixed.reshape([b * h * w, c])).view([b, h, w, c]).permute([0, 3, 1, 2]);
        residual_sum(x, &out, self.skip_rescale)
    }
}
