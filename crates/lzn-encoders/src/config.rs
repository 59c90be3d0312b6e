//! Options of the NCSN++ image encoder.

use lzn_torch::nn::BackboneOptions;
use serde::{Deserialize, Serialize};

/// Options of the NCSN++ image encoder, under their published names.
///
/// The defaults are those of the published CIFAR-10 models (paper, appendix C.2 and D.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageEncoderConfig {
    /// Channels of the first level. Published: 128.
    pub nf: usize,
    /// Channels of each level as multiples of `nf`, one entry per level. Published: `[1, 2, 2, 2]` at 32 pixels,
    /// `[1, 1, 2, 2, 2, 2, 2]` at 256.
    pub ch_mult: Vec<usize>,
    /// Residual blocks per level. Published: 4 at 32 pixels, 2 at 256.
    pub num_res_blocks: usize,
    /// Resolutions of feature maps that get attention, besides the middle. Published: `[16]`.
    pub attn_resolutions: Vec<usize>,
    /// Probability of dropout inside residual blocks, in `[0, 1)`. Published: 0.15 at 32 pixels, 0 at 256.
    pub dropout: f64,
    /// Whether resolutions change through a low-pass filter. Published: at 256 pixels.
    pub fir: bool,
    /// Taps of that filter. Published: `[1, 3, 3, 1]`.
    pub fir_kernel: Vec<f64>,
    /// Whether the downsampled input is added to each level. Published: at 256 pixels (`input_skip`).
    pub input_skip: bool,
    /// Whether residual sums are divided by `sqrt(2)`. Published: yes.
    pub skip_rescale: bool,
    /// Scale of the first values of the last layer of each block; 0 stands for 1e-10. Published: 0.
    pub init_scale: f64,
    /// Pixels along each side of the patches that become channels before the first layer; 1, as published, for none.
    /// Resolutions in this config are those of feature maps, after this stem.
    pub patch_size: usize,
    /// Whether the backward pass computes the insides of residual blocks anew instead of keeping them: less memory for about a
    /// third more time, and the same gradients up to rounding (docs/memory.md). May change while a run goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recompute: bool,
    /// Channels to which each feature map is reduced on its way to the anchor. Published: 20.
    pub num_base_channels: usize,
    /// Width of the hidden layers of each head. Published: 200.
    pub num_base_units: usize,
    /// Dense layers of each head, at least 1. Published: 2.
    pub num_latent_transformation_layers: usize,
    /// Resolutions whose feature maps contribute to the anchor; all when absent. Published: `[64, 32, 16, 8, 4]` at 256 pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latent_transformation_resolutions: Option<Vec<usize>>,
}

impl Default for ImageEncoderConfig {
    fn default() -> Self {
        Self {
            nf: 128,
            ch_mult: vec![1, 2, 2, 2],
            num_res_blocks: 4,
            attn_resolutions: vec![16],
            dropout: 0.15,
            fir: false,
            fir_kernel: vec![1.0, 3.0, 3.0, 1.0],
            input_skip: false,
            skip_rescale: true,
            init_scale: 0.0,
            patch_size: 1,
            recompute: false,
            num_base_channels: 20,
            num_base_units: 200,
            num_latent_transformation_layers: 2,
            latent_transformation_resolutions: None,
        }
    }
}

impl ImageEncoderConfig {
    /// The part that decoder and encoder share.
    pub(crate) fn backbone(&self) -> BackboneOptions<'_> {
        BackboneOptions {
            nf: self.nf,
            ch_mult: &self.ch_mult,
            num_res_blocks: self.num_res_blocks,
            attn_resolutions: &self.attn_resolutions,
            dropout: self.dropout,
            fir_kernel: self.fir.then_some(self.fir_kernel.as_slice()),
            input_skip: self.input_skip,
            skip_rescale: self.skip_rescale,
            init_scale: self.init_scale,
            patch_size: self.patch_size,
            recompute: self.recompute,
        }
    }
}
