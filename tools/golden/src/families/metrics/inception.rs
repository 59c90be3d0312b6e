//! Inception: every layer of the network of FID, with weights by formula instead of the real ones.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use anyhow::{Context, Result};
use lzn_features::{FeatureNet, Inception, Weights};
use lzn_resize::Protocol;
use ndarray::{Array2, Axis};
use serde_json::Value;
use tch::{Device, Tensor};

use super::generator;
use crate::{Case, Checks, Line};

/// What follows the names of images in those of tensors.
pub(super) const MARK: &str = "_logits_unbiased";

/// Float32 against float64 through 94 layers, relative.
const LIMIT: f64 = 1e-5;

/// The outputs of every tap for each image.
pub(super) fn check(case: &Case) -> Result<Line> {
    let tensors = Inception::layout().into_iter().map(|(name, shape)| (name.clone(), fill(&name, &shape))).collect();
    let mut checks = Checks::new("torch-f32");
    ends(case, &tensors, &mut checks)?;
    let weights = Weights { path: PathBuf::from("formula"), sha256: String::new(), tensors, metadata: BTreeMap::new() };
    let net = Inception::with_weights(weights, Protocol::TORCH_FIDELITY, Device::Cpu)?;
    for (image, pixels) in generator::images(case, MARK)? {
        let inputs = net.protocol().apply(pixels.insert_axis(Axis(0)).view())?;
        let shape: Vec<i64> = inputs.shape().iter().map(|n| *n as i64).collect();
        let taps = net.taps(&Tensor::from_slice(inputs.as_slice().context("contiguous")?).view(&shape[..]))?;
        let logits = taps.features.logits.context("logits")?;
        let spatial = taps.features.spatial.context("spatial")?;
        for (tensor, got) in [
            ("64", &taps.first_pool),
            ("192", &taps.second_pool),
            ("768", &taps.mixed_6e),
            ("2048", &taps.features.pooled),
            ("logits_unbiased", &logits),
            ("sfid2023", &spatial),
        ] {
            let name = format!("{image}_{tensor}");
            checks.compare(&name, &numbers(got), &case.array(&name)?, LIMIT);
        }
        let stored: Value = case.get(&image)?;
        let (mean, deviation) = (stored["logits"]["mean"].as_f64(), stored["logits"]["std"].as_f64());
        let expected = [mean.context("mean of logits")?, deviation.context("deviation of logits")?];
        let scores = numbers(&taps.biased_logits);
        let summary = [scores.mean().context("scores")?, scores.std(0.0)];
        checks.compare("logits", &summary, &expected, LIMIT);
    }
    Ok(checks.line(&case.family, &case.name))
}

fn numbers(matrix: &Array2<f32>) -> Array2<f64> {
    matrix.mapv(f64::from)
}

/// The first and the last value of some tensors, which tell a wrong formula from a wrong network.
fn ends(case: &Case, tensors: &HashMap<String, Tensor>, checks: &mut Checks) -> Result<()> {
    for (name, expected) in case.get::<BTreeMap<String, Vec<f64>>>("check")? {
        let tensor = tensors.get(&name).with_context(|| format!("there is no `{name}`"))?.view(-1);
        let got: Vec<f64> = [0, -1].map(|i| tensor.double_value(&[i])).into();
        checks.compare(&name, &got, &expected, 1e-7);
    }
    Ok(())
}

/// Values by the hash of the name, of a scale that keeps the variance through the layers.
fn fill(name: &str, shape: &[i64]) -> Tensor {
    let seed = generator::hash(name);
    let count: i64 = shape.iter().product();
    let place = |s: f64| match name.rsplit('.').next() {
        Some("weight") if shape.len() > 1 => s * (6.0 / (count / shape[0]) as f64).sqrt(),
        Some("weight") => 1.0 + 0.1 * s,
        Some("running_var") => 1.0 + 0.2 * s,
        _ => 0.1 * s,
    };
    let values: Vec<f32> = (0..count as u64).map(|k| place(2.0 * generator::uniform(seed, k) - 1.0) as f32).collect();
    Tensor::from_slice(&values).view(shape)
}
