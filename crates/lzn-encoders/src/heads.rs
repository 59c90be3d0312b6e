//! From feature maps of all levels to one anchor.

use lzn_torch::Scope;
use lzn_torch::nn::{Conv2d, Layout, Linear, NetworkError, Tap};
use tch::Tensor;

use crate::config::ImageEncoderConfig;

/// A head: 1x1 convolution to few channels, SiLU, then dense layers over all its numbers, with SiLU between.
#[derive(Debug, Clone)]
struct Head {
    /// Position among the feature maps.
    tap: usize,
    spatial: Conv2d,
    dense: Vec<Linear>,
}

/// The heads of all feature maps that contribute to the anchor.
#[derive(Debug, Clone)]
pub(crate) struct Heads(Vec<Head>);

impl Heads {
    /// Registers `spatial.TAP.*` for all heads and then `latent.TAP.LAYER.*` for all heads.
    pub(crate) fn new(
        scope: &Scope,
        config: &ImageEncoderConfig,
        layout: &Layout,
        latent_dim: usize,
    ) -> Result<Self, NetworkError> {
        check(config, layout, latent_dim)?;
        let wanted = config.latent_transformation_resolutions.as_deref();
        let contributes = |tap: &Tap| wanted.is_none_or(|list| list.contains(&(tap.resolution as usize)));
        let taps = layout.taps().into_iter().chain([layout.middle()]).enumerate();
        let taps: Vec<(usize, Tap)> = taps.filter(|(_, tap)| contributes(tap)).collect();
        let channels = config.num_base_channels as i64;
        // All convolutions are registered before the first dense layer, as in the published parameter order.
        let spatial: Vec<Conv2d> = taps
            .iter()
            .map(|(i, tap)| Conv2d::pointwise_uniform(&(scope / "spatial" / i), tap.channels, channels))
            .collect();
        let heads = taps.iter().zip(spatial).map(|((i, tap), spatial)| {
            let flat = channels * tap.resolution * tap.resolution;
            Head { tap: *i, spatial, dense: dense_layers(&(scope / "latent" / i), config, flat, latent_dim as i64) }
        });
        Ok(Self(heads.collect()))
    }

    /// `features`: one feature map per tap, the middle last; result `[B, d]`.
    pub(crate) fn forward(&self, features: &[Tensor]) -> Tensor {
        let mut anchors = self.0.iter().map(|head| head.forward(&features[head.tap]));
        // There is at least one head: `check` refuses a selection that leaves none.
        let first = anchors.next().unwrap_or_default();
        anchors.fold(first, |sum, anchor| sum + anchor)
    }
}

impl Head {
    fn forward(&self, features: &Tensor) -> Tensor {
        let flat = self.spatial.forward(features).silu().flatten(1, -1);
        let mut layers = self.dense.iter();
        let first = layers.next().map_or_else(|| flat.shallow_clone(), |layer| layer.forward(&flat));
        layers.fold(first, |hidden, layer| layer.forward(&hidden.silu()))
    }
}

fn dense_layers(scope: &Scope, config: &ImageEncoderConfig, inputs: i64, outputs: i64) -> Vec<Linear> {
    let (count, units) = (config.num_latent_transformation_layers, config.num_base_units as i64);
    let width = |boundary: usize| match boundary {
        0 => inputs,
        b if b == count => outputs,
        _ => units,
    };
    (0..count).map(|i| Linear::uniform(&(scope / i), width(i), width(i + 1))).collect()
}

fn check(config: &ImageEncoderConfig, layout: &Layout, latent_dim: usize) -> Result<(), NetworkError> {
    for (key, value) in [
        ("latent_dim", latent_dim),
        ("num_base_channels", config.num_base_channels),
        ("num_base_units", config.num_base_units),
        ("num_latent_transformation_layers", config.num_latent_transformation_layers),
    ] {
        NetworkError::require(key, value as f64, value >= 1, "be at least 1")?;
    }
    let Some(wanted) = &config.latent_transformation_resolutions else { return Ok(()) };
    let key = "latent_transformation_resolutions";
    if wanted.is_empty() {
        return Err(NetworkError::Empty {
            key,
            remedy: "name at least one resolution, or leave the key out to use all",
        });
    }
    layout.check_resolutions(key, wanted)
}
