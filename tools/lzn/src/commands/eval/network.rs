//! The feature network that the arguments name.

use std::path::Path;

use anyhow::{Context, Result, bail};
use lzn_features::{FeatureNet, Identity};
use lzn_tasks::config::{FeatureNetKind, MetricsConfig};
use lzn_tasks::evaluate::pretrained_net;
use tch::Device;

use crate::cli::FeatureArgs;

/// Puts the arguments in the place of what the configuration says.
pub(super) fn configure(args: &FeatureArgs, metrics: &mut MetricsConfig) -> Result<()> {
    metrics.weights = args.weights.clone().or_else(|| metrics.weights.take());
    if let Some(name) = &args.feature_net {
        metrics.feature_net = match name.as_str() {
            "auto" => FeatureNetKind::Auto,
            "lenet" => FeatureNetKind::Lenet,
            "efficientnet-lite0" => FeatureNetKind::EfficientnetLite0,
            "inception" => FeatureNetKind::Inception,
            file if Path::new(file).is_file() => {
                metrics.weights = Some(file.into());
                FeatureNetKind::Torchscript
            }
            other => bail!(
                "--feature-net: `{other}` is neither a network (auto, lenet, efficientnet-lite0, inception) nor a TorchScript file"
            ),
        };
    }
    metrics.protocol = args.protocol.clone().or_else(|| metrics.protocol.take());
    metrics.named_protocol().context("--protocol")?;
    metrics.script.size = args.size.unwrap_or(metrics.script.size);
    metrics.script.mean = args.mean.unwrap_or(metrics.script.mean);
    metrics.script.std = args.std.unwrap_or(metrics.script.std);
    Ok(())
}

/// Loads the network for images that no model belongs to.
pub(super) fn load(args: &FeatureArgs, device: Device) -> Result<Box<dyn FeatureNet>> {
    let mut metrics = MetricsConfig::default();
    configure(args, &mut metrics)?;
    if metrics.feature_net == FeatureNetKind::Lenet {
        bail!("--feature-net lenet is trained on the labelled images of a model: use `lzn eval RUN`");
    }
    pretrained_net(&metrics, device)?.context(
        "images are compared by the features of a network: give --feature-net inception or efficientnet-lite0 with --weights FILE, \
         or --feature-net FILE.pt; docs/evaluation.md says more",
    )
}

/// What stands beside numbers of features that were given as such.
pub(super) fn given(dimension: usize) -> Identity {
    Identity {
        network: "given".to_owned(),
        weights_sha256: "no weights known".to_owned(),
        weights: None,
        protocol: "given features".to_owned(),
        dimension,
        genuine_fid: false,
    }
}
