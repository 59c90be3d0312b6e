//! Options of the velocity network.

use lzn_torch::nn::BackboneOptions;
use serde::{Deserialize, Serialize};

/// How the time enters the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeEmbeddingKind {
    /// Sines and cosines of `999 t` at geometrically spaced frequencies (Vaswani et al. 2017).
    Positional,
    /// Sines and cosines of `log(999 t)` at fixed random frequencies (Tancik et al. 2020).
    Fourier,
}

/// How the output is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progressive {
    /// From the finest level alone.
    None,
    /// As a sum of one image per level, each upsampled to the next (Karras et al. 2020).
    OutputSkip,
}

/// Whether the input reaches the coarser levels directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressiveInput {
    /// It does not.
    None,
    /// The downsampled input is added to each level after a 1x1 convolution (Karras et al. 2020).
    InputSkip,
}

/// Options of the NCSN++ velocity network, under their published names.
///
/// The defaults are those of the published CIFAR-10 models (paper, appendix C.2 and D.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VelocityNetConfig {
    /// Channels of the first level; the embedding is four times as wide. Published: 128.
    pub nf: usize,
    /// Channels of each level as multiples of `nf`, one entry per level. Published: `[1, 2, 2, 2]` at 32 pixels,
    /// `[1, 1, 2, 2, 2, 2, 2]` at 256.
    pub ch_mult: Vec<usize>,
    /// Residual blocks per level on the way down; one more on the way up. Published: 4 at 32 pixels, 2 at 256.
    pub num_res_blocks: usize,
    /// Resolutions of feature maps that get attention, besides the middle. Published: `[16]`.
    pub attn_resolutions: Vec<usize>,
    /// Probability of dropout inside residual blocks, in `[0, 1)`. Published: 0.15 at 32 pixels, 0 at 256.
    pub dropout: f64,
    /// How the time enters. Published: positional at 32 pixels, Fourier at 256.
    pub embedding_type: TimeEmbeddingKind,
    /// Standard deviation of the Fourier frequencies. Published: 16.
    pub fourier_scale: f64,
    /// Whether resolutions change through a low-pass filter. Published: at 256 pixels.
    pub fir: bool,
    /// Taps of that filter. Published: `[1, 3, 3, 1]`.
    pub fir_kernel: Vec<f64>,
    /// How the output is put together. Published: `output_skip` at 256 pixels.
    pub progressive: Progressive,
    /// Whether the input reaches the coarser levels directly. Published: `input_skip` at 256 pixels.
    pub progressive_input: ProgressiveInput,
    /// Whether the output is divided by a noise level: by `999 t` with the Fourier embedding, otherwise by entry `floor(999 t)` of
    /// `num_scales` levels that fall geometrically from `sigma_max` to `sigma_min`. Published: at 256 pixels.
    pub scale_by_sigma: bool,
    /// Lowest noise level. Published: 0.01.
    pub sigma_min: f64,
    /// Highest noise level. Published: 50 at 32 pixels, 378 or 380 at 256.
    pub sigma_max: f64,
    /// Number of noise levels. Published: 1000 at 32 pixels, 2000 at 256.
    pub num_scales: usize,
    /// Whether residual sums are divided by `sqrt(2)`. Published: yes.
    pub skip_rescale: bool,
    /// Scale of the first values of the last layer of each block and of the output; 0 stands for 1e-10. Published: 0.
    pub init_scale: f64,
    /// Pixels along each side of the patches that become channels before the first layer; 1, as published, for none. 2 makes
    /// the network about four times as fast. Resolutions above are those of feature maps, after this stem.
    pub patch_size: usize,
    /// Whether the backward pass computes the insides of residual blocks anew instead of keeping them: less memory for about a
    /// third more time, and the same gradients up to rounding (docs/memory.md). May change while a run goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recompute: bool,
}

impl Default for VelocityNetConfig {
    fn default() -> Self {
        Self {
            nf: 128,
            ch_mult: vec![1, 2, 2, 2],
            num_res_blocks: 4,
            attn_resolutions: vec![16],
            dropout: 0.15,
            embedding_type: TimeEmbeddingKind::Positional,
            fourier_scale: 16.0,
            fir: false,
            fir_kernel: vec![1.0, 3.0, 3.0, 1.0],
            progressive: Progressive::None,
            progressive_input: ProgressiveInput::None,
            scale_by_sigma: false,
            sigma_min: 0.01,
            sigma_max: 50.0,
            num_scales: 1000,
            skip_rescale: true,
            init_scale: 0.0,
            patch_size: 1,
            recompute: false,
        }
    }
}

impl VelocityNetConfig {
    /// The part that decoder and encoder share.
    pub(crate) fn backbone(&self) -> BackboneOptions<'_> {
        BackboneOptions {
            nf: self.nf,
            ch_mult: &self.ch_mult,
            num_res_blocks: self.num_res_blocks,
            attn_resolutions: &self.attn_resolutions,
            dropout: self.dropout,
            fir_kernel: self.fir.then_some(self.fir_kernel.as_slice()),
            input_skip: self.progressive_input == ProgressiveInput::InputSkip,
            skip_rescale: self.skip_rescale,
            init_scale: self.init_scale,
            patch_size: self.patch_size,
            recompute: self.recompute,
        }
    }
}
