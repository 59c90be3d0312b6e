//! EfficientNet-Lite0: features and scores with the published weights, which are not in the repository.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use lzn_features::{EfficientNetLite0, FeatureNet};
use ndarray::Axis;
use tch::Device;

use super::generator;
use crate::{Case, Checks, Line};

/// The environment variable that names the file of weights.
const WEIGHTS: &str = "LZN_EFFNET_WEIGHTS";

/// What follows the names of images in those of tensors.
pub(super) const MARK: &str = "_feat1280";

/// Float32 against float64, relative.
const LIMIT: f64 = 1e-5;

/// Images of the network's own size.
pub(super) fn check(case: &Case) -> Result<Line> {
    let Some(path) = std::env::var_os(WEIGHTS).filter(|path| !path.is_empty()) else {
        let reason = format!("{WEIGHTS} names no file of weights; docs/evaluation.md says how to get it");
        return Ok(Line::skipped(&case.family, &case.name, reason));
    };
    let net = EfficientNetLite0::load(Path::new(&path), Device::Cpu)?;
    ensure!(net.identity().weights.is_some(), "{WEIGHTS} names a file that is not the published one");
    let mut checks = Checks::new("torch-f32");
    for (image, pixels) in generator::images(case, MARK)? {
        let features = net.features(pixels.insert_axis(Axis(0)).view())?;
        let logits = features.logits.context("logits")?;
        for (tensor, got) in [("feat1280", features.pooled), ("logits", logits)] {
            let name = format!("{image}_{tensor}");
            checks.compare(&name, &got.mapv(f64::from), &case.array(&name)?, LIMIT);
        }
    }
    Ok(checks.line(&case.family, &case.name))
}
