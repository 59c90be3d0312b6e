//! The `config` object of a case, in our terms.

use anyhow::{Result, ensure};
use lzn_encoders::ImageEncoderConfig;
use lzn_flow::{Progressive, ProgressiveInput, TimeEmbeddingKind, VelocityNetConfig};
use lzn_torch::nn::ImageShape;
use serde::Deserialize;

use crate::Case;

/// Options of both networks.
#[derive(Debug)]
pub(in crate::families) struct Options {
    /// The images.
    pub(in crate::families) image: ImageShape,
    /// Of the decoder.
    pub(in crate::families) decoder: VelocityNetConfig,
    /// Of the encoder.
    pub(in crate::families) encoder: ImageEncoderConfig,
}

/// The reference's options. Those that choose between networks of which we have one only are checked.
#[derive(Debug, Deserialize)]
struct Network {
    nf: usize,
    ch_mult: Vec<usize>,
    num_res_blocks: usize,
    attn_resolutions: Vec<usize>,
    dropout: f64,
    embedding_type: TimeEmbeddingKind,
    fourier_scale: f64,
    fir: bool,
    fir_kernel: Vec<f64>,
    progressive: Progressive,
    progressive_input: ProgressiveInput,
    progressive_combine: String,
    scale_by_sigma: bool,
    sigma_min: f64,
    sigma_max: f64,
    num_scales: usize,
    skip_rescale: bool,
    init_scale: f64,
    resblock_type: String,
    nonlinearity: String,
    conditional: bool,
    image_size: usize,
    num_channels: usize,
}

#[derive(Debug, Deserialize)]
struct Heads {
    num_base_channels: usize,
    num_base_units: usize,
    num_latent_transformation_layers: usize,
    latent_transformation_resolutions: Option<Vec<usize>>,
}

/// Options of the networks of a case.
pub(in crate::families) fn read(case: &Case) -> Result<Options> {
    let network: Network = case.get("config")?;
    let kinds = [&network.progressive_combine, &network.resblock_type, &network.nonlinearity];
    ensure!(kinds == ["sum", "biggan", "swish"] && network.conditional, "a network of another kind: {kinds:?}");
    // The reference passes over resolutions that no feature map has; ours refuses them as a likely mistake.
    let reached: Vec<usize> = (0..network.ch_mult.len()).map(|level| network.image_size >> level).collect();
    let reachable =
        |list: &[usize]| list.iter().copied().filter(|resolution| reached.contains(resolution)).collect::<Vec<_>>();
    let attn_resolutions = reachable(&network.attn_resolutions);
    let heads: Heads = case.get("encoder")?;
    let image = ImageShape { size: network.image_size, channels: network.num_channels };
    let encoder = ImageEncoderConfig {
        nf: network.nf,
        ch_mult: network.ch_mult.clone(),
        num_res_blocks: network.num_res_blocks,
        attn_resolutions: attn_resolutions.clone(),
        dropout: network.dropout,
        fir: network.fir,
        fir_kernel: network.fir_kernel.clone(),
        input_skip: network.progressive_input == ProgressiveInput::InputSkip,
        skip_rescale: network.skip_rescale,
        init_scale: network.init_scale,
        patch_size: 1,
        recompute: false,
        num_base_channels: heads.num_base_channels,
        num_base_units: heads.num_base_units,
        num_latent_transformation_layers: heads.num_latent_transformation_layers,
        latent_transformation_resolutions: heads.latent_transformation_resolutions.as_deref().map(reachable),
    };
    Ok(Options { image, decoder: decoder(network, attn_resolutions), encoder })
}

fn decoder(network: Network, attn_resolutions: Vec<usize>) -> VelocityNetConfig {
    VelocityNetConfig {
        nf: network.nf,
        ch_mult: network.ch_mult,
        num_res_blocks: network.num_res_blocks,
        attn_resolutions,
        dropout: network.dropout,
        embedding_type: network.embedding_type,
        fourier_scale: network.fourier_scale,
        fir: network.fir,
        fir_kernel: network.fir_kernel,
        progressive: network.progressive,
        progressive_input: network.progressive_input,
        scale_by_sigma: network.scale_by_sigma,
        sigma_min: network.sigma_min,
        sigma_max: network.sigma_max,
        num_scales: network.num_scales,
        skip_rescale: network.skip_rescale,
        init_scale: network.init_scale,
        patch_size: 1,
        recompute: false,
    }
}
