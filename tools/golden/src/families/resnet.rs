//! `resnet/`: pooled features of a ResNet with group normalisation, and the anchors that its head makes of them.

use anyhow::{Context, Result, ensure};
use lzn_encoders::{ImageAnchors, ResNet, ResNetConfig};
use lzn_torch::{ParamStore, nn::ImageShape};
use tch::Device;

use super::networks::{self, numbers, tensor};
use crate::{Case, Checks, Family, Line, Tolerance};

/// The family of this file.
#[derive(Debug)]
pub(super) struct Resnet;

impl Family for Resnet {
    fn name(&self) -> &'static str {
        "resnet"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let selective = case.find::<f64>("sk_ratio")?.unwrap_or(0.0);
        ensure!(selective == 0.0, "`sk_ratio` is {selective}: there are no selective kernels here");
        let config = ResNetConfig {
            layers: case.get("layers")?,
            width_multiplier: case.get("width_multiplier")?,
            head_num_layers: case.get("head_num_layers")?,
            ..ResNetConfig::default()
        };
        let images = tensor(case, "image")?;
        let (_, channels, size, _) = images.size4()?;
        let image = ImageShape { size: size as usize, channels: channels as usize };
        let params = ParamStore::new(Device::Cpu, 0);
        let net = ResNet::new(&params.root(), &config, image, case.get("head_out_dim")?)?;
        networks::fill(case, &params, case.get("parameter_order")?, 1.0).context("parameter_order")?;

        let mut checks = Checks::new("torch-f32");
        let features = net.features(&images)?;
        checks.compare("features", &numbers(&features)?, &case.array("features")?, Tolerance::SINGLE.value);
        checks.compare("head", &numbers(&net.forward(&images, false)?)?, &case.array("head")?, Tolerance::SINGLE.value);
        Ok(vec![checks.line(self.name(), &case.name)])
    }
}
