//! The feature network that the arguments name.

use std::path::Path;

use anyhow::{Context, Result, bail};
use lzn_features::{EfficientNetLite0, FeatureNet, Identity, Inception, TorchScript};
use lzn_resize::{Filter, Protocol, Resize};
use lzn_tasks::config::{FeatureNetKind, MetricsConfig};
use tch::Device;

use crate::cli::FeatureArgs;

/// Puts the arguments in the place of what the configuration says.
pub(super) fn configure(args: &FeatureArgs, metrics: &mut MetricsConfig) -> Result<()> {
    if let Some(name) = &args.feature_net {
        metrics.feature_net = match name.as_str() {
            "auto" => FeatureNetKind::Auto,
            "lenet" => FeatureNetKind::Lenet,
            "efficientnet-lite0" => FeatureNetKind::EfficientnetLite0,
            "inception" => FeatureNetKind::Inception,
            other => bail!(
                "--feature-net: there is no network `{other}`; write auto, lenet, efficientnet-lite0 or inception \
                 (TorchScript files compare folders: lzn eval images)"
            ),
        };
    }
    metrics.weights = args.weights.clone().or_else(|| metrics.weights.take());
    Ok(())
}

/// Loads the network for images that no model belongs to.
pub(super) fn load(args: &FeatureArgs, device: Device) -> Result<Box<dyn FeatureNet>> {
    let weights = || {
        let remedy = "give its weights by --weights FILE; docs/evaluation.md says where they come from";
        args.weights.as_deref().context(remedy)
    };
    match args.feature_net.as_deref() {
        Some("lenet") => bail!("--feature-net lenet is trained on the labelled images of a model: use `lzn eval RUN`"),
        Some("inception") => Ok(Box::new(Inception::load(weights()?, protocol(&args.protocol)?, device)?)),
        Some("efficientnet-lite0") | None | Some("auto") => {
            let remedy = "images are compared by the features of a network: give --feature-net inception or \
                          efficientnet-lite0 with --weights FILE, or --feature-net FILE.pt; docs/evaluation.md says more";
            let weights = args.weights.as_deref().context(remedy)?;
            Ok(Box::new(EfficientNetLite0::load(weights, device)?))
        }
        Some(file) if Path::new(file).is_file() => script(args, Path::new(file), device),
        Some(other) => bail!(
            "--feature-net: `{other}` is neither a network (inception, efficientnet-lite0) nor a TorchScript file"
        ),
    }
}

fn protocol(name: &str) -> Result<Protocol> {
    let known = || Protocol::NAMED.iter().map(|protocol| protocol.name.as_ref()).collect::<Vec<_>>().join(", ");
    let found = Protocol::find(name).filter(|protocol| protocol.size == [299, 299]);
    found
        .cloned()
        .with_context(|| format!("--protocol: `{name}` is none of those for inception; known are {}", known()))
}

fn script(args: &FeatureArgs, file: &Path, device: Device) -> Result<Box<dyn FeatureNet>> {
    let three = |option: &str, text: &str| -> Result<[f32; 3]> {
        let numbers: Result<Vec<f32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        let numbers = numbers.with_context(|| format!("{option}: `{text}` is not a list of numbers"))?;
        match *numbers.as_slice() {
            [all] => Ok([all; 3]),
            [red, green, blue] => Ok([red, green, blue]),
            _ => bail!("{option}: give one number, or three with commas between them, not `{text}`"),
        }
    };
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let (mean, deviation) = (three("--mean", &args.mean)?, three("--std", &args.std)?);
    let protocol_name = format!("bicubic-{}", args.size);
    let size = [args.size; 2];
    let protocol = Protocol::custom(protocol_name, Resize::PillowBytes(Filter::Bicubic), size, mean, deviation);
    Ok(Box::new(TorchScript::load(file, &name, protocol, device)?))
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
