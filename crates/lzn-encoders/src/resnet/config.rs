//! Options of the ResNet encoder.

use lzn_torch::nn::NetworkError;
use serde::{Deserialize, Serialize};

use super::layers::GROUPS;

/// Options of the ResNet image encoder with group normalisation.
///
/// The defaults are those of the published ImageNet representation model (paper, appendix D): ResNet-50 in the shape of SimCLR v2
/// (Chen et al. 2020), without selective kernels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResNetConfig {
    /// Bottleneck blocks of each stage; each stage after the first halves the resolution and doubles the channels.
    /// `[3, 4, 6, 3]`, as published, is ResNet-50; `[3, 4, 23, 3]` is ResNet-101.
    pub layers: Vec<usize>,
    /// Factor of all channels, at least 1. Published: 1.
    pub width_multiplier: usize,
    /// Dense layers between the pooled features and the anchor, at least 1. Published: 2.
    pub head_num_layers: usize,
    /// Whether the backward pass computes the insides of bottlenecks anew instead of keeping them: less memory for about a third
    /// more time, and the same gradients up to rounding (docs/memory.md). May change while a run goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recompute: bool,
}

impl Default for ResNetConfig {
    fn default() -> Self {
        Self { layers: vec![3, 4, 6, 3], width_multiplier: 1, head_num_layers: 2, recompute: false }
    }
}

impl ResNetConfig {
    /// Channels of the stem; a stage works in this many, times 2 for each stage before it.
    pub(super) fn base_channels(&self) -> i64 {
        64 * self.width_multiplier as i64
    }

    pub(super) fn check(&self, latent_dim: usize) -> Result<(), NetworkError> {
        let remedy = "name the number of blocks of each stage, [3, 4, 6, 3] for ResNet-50";
        if self.layers.is_empty() {
            return Err(NetworkError::Empty { key: "layers", remedy });
        }
        for &blocks in &self.layers {
            NetworkError::require("layers", blocks as f64, blocks >= 1, "hold numbers of at least 1")?;
        }
        for (key, value) in [("width_multiplier", self.width_multiplier), ("head_num_layers", self.head_num_layers)] {
            NetworkError::require(key, value as f64, value >= 1, "be at least 1")?;
        }
        let divides = latent_dim >= 1 && latent_dim.is_multiple_of(GROUPS as usize);
        NetworkError::require(
            "latent_dim",
            latent_dim as f64,
            divides,
            "be a multiple of 32, the groups of the last layer",
        )
    }
}
