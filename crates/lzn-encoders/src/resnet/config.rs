//! Options of the ResNet encoder.

use lzn_torch::nn::NetworkError;
use serde::{Deserialize, Serialize};

/// Options of the ResNet image encoder with group normalisation.
///
/// The defaults are those of the published ImageNet representation model (paper, appendix D): ResNet-50 in the shape of SimCLR v2
/// (Chen et al. 2020), without selective kernels (`selective_kernels` adds them). The customary depths:
///
/// | depth | `block` | `layers` |
/// |---|---|---|
/// | 18 | `basic` | `[2, 2, 2, 2]` |
/// | 34 | `basic` | `[3, 4, 6, 3]` |
/// | 50 | `bottleneck` | `[3, 4, 6, 3]` |
/// | 101 | `bottleneck` | `[3, 4, 23, 3]` |
/// | 152 | `bottleneck` | `[3, 8, 36, 3]` |
/// | 200 | `bottleneck` | `[3, 24, 36, 3]` |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResNetConfig {
    /// Blocks of each stage; each stage after the first halves the resolution and doubles the channels. Published: `[3, 4, 6, 3]`.
    pub layers: Vec<usize>,
    /// The kind of all blocks. Published: `bottleneck`.
    #[serde(skip_serializing_if = "is_default")]
    pub block: BlockKind,
    /// What comes before the first stage. Published: `large`.
    #[serde(skip_serializing_if = "is_default")]
    pub stem: StemKind,
    /// Channels in which the blocks of the first stage work, before `width_multiplier`. Published, and customary: 64. Small networks for
    /// small images take fewer.
    #[serde(skip_serializing_if = "is_base_channels")]
    pub base_channels: usize,
    /// Factor of all channels, at least 1. Published: 1.
    pub width_multiplier: usize,
    /// Whether the 3x3 convolutions of bottlenecks have selective kernels (Li et al. 2019): two streams, mixed channel by channel as the picture
    /// asks, for about 1.5 times the parameters. Published: false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub selective_kernels: bool,
    /// Groups of every normalisation; must divide all channels and the latent dimension. Published: 32.
    #[serde(skip_serializing_if = "is_groups")]
    pub groups: usize,
    /// Dense layers between the pooled features and the anchor, at least 1. Published: 2.
    pub head_num_layers: usize,
    /// Whether the backward pass computes the insides of blocks anew instead of keeping them: less memory for about a third
    /// more time, and the same gradients up to rounding (docs/memory.md). May change while a run goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recompute: bool,
}

/// Residual blocks by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockKind {
    /// 1x1, 3x3 and 1x1 convolution; the output is four times as wide as the middle.
    #[default]
    Bottleneck,
    /// Two 3x3 convolutions.
    Basic,
}

/// What comes before the first stage, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StemKind {
    /// 7x7 convolution with stride 2 and 3x3 max-pooling with stride 2, for images of 64 pixels and more.
    #[default]
    Large,
    /// 3x3 convolution with stride 2, without pooling: a quarter of the work of `small`.
    Medium,
    /// 3x3 convolution that keeps the resolution, without pooling, for images of about 32 pixels (Chen et al. 2020, "A simple framework
    /// for contrastive learning of visual representations", appendix B.9).
    Small,
}

impl BlockKind {
    /// How many times wider a block's output is than the channels in which it works.
    pub(super) fn expansion(self) -> i64 {
        match self {
            Self::Bottleneck => 4,
            Self::Basic => 1,
        }
    }
}

const BASE_CHANNELS: usize = 64;
const GROUPS: usize = 32;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_base_channels(value: &usize) -> bool {
    *value == BASE_CHANNELS
}

fn is_groups(value: &usize) -> bool {
    *value == GROUPS
}

impl Default for ResNetConfig {
    fn default() -> Self {
        Self {
            layers: vec![3, 4, 6, 3],
            block: BlockKind::default(),
            stem: StemKind::default(),
            base_channels: BASE_CHANNELS,
            width_multiplier: 1,
            selective_kernels: false,
            groups: GROUPS,
            head_num_layers: 2,
            recompute: false,
        }
    }
}

impl ResNetConfig {
    /// Channels of the stem; a stage works in this many, times 2 for each stage before it.
    pub(super) fn stem_channels(&self) -> i64 {
        self.base_channels.saturating_mul(self.width_multiplier) as i64
    }

    pub(super) fn check(&self, latent_dim: usize) -> Result<(), NetworkError> {
        let remedy = "name the number of blocks of each stage, [3, 4, 6, 3] for ResNet-50";
        if self.layers.is_empty() {
            return Err(NetworkError::Empty { key: "layers", remedy });
        }
        for &blocks in &self.layers {
            NetworkError::require("layers", blocks as f64, blocks >= 1, "hold numbers of at least 1")?;
        }
        for (key, value) in [
            ("base_channels", self.base_channels),
            ("width_multiplier", self.width_multiplier),
            ("groups", self.groups),
            ("head_num_layers", self.head_num_layers),
        ] {
            NetworkError::require(key, value as f64, value >= 1, "be at least 1")?;
        }
        let selects = !self.selective_kernels || self.block == BlockKind::Bottleneck;
        NetworkError::require("selective_kernels", self.selective_kernels.into(), selects, SELECTS)?;
        let divides = |value: usize| value >= 1 && value.is_multiple_of(self.groups);
        let channels = self.base_channels.saturating_mul(self.width_multiplier);
        NetworkError::require("base_channels", channels as f64, divides(channels), CHANNELS)?;
        NetworkError::require("latent_dim", latent_dim as f64, divides(latent_dim), LATENT)
    }
}

const CHANNELS: &str = "be a multiple of `groups` when multiplied by `width_multiplier`";
const SELECTS: &str = "be false (0) with block = \"basic\", which has no middle convolution to select in";
const LATENT: &str = "be a multiple of `groups`, in which the last layer is normalised";
