//! The feature network of an evaluation: one with weights of its own, or a LeNet that is trained on the data and kept.

use std::path::{Path, PathBuf};

use lzn_data::Dataset;
use lzn_features::lenet::{Labelled, Recipe};
use lzn_features::{EfficientNetLite0, FeatureNet, Inception, LeNet, TorchScript};
use lzn_resize::{Filter, Protocol, Resize};
use tch::Device;

use super::Progress;
use super::features::{make_folder_of, short};
use crate::TaskError;
use crate::config::{FeatureNetKind, MetricsConfig};
use crate::data::{RunData, read_bytes};

/// Largest side of images for which a LeNet is chosen unasked.
const SMALL: usize = 64;

/// The network that the configuration asks for; a LeNet is trained on the training images unless the cache holds it, under their
/// [`super::digest`].
///
/// # Errors
/// [`TaskError::FeatureNet`] if the choice does not suit the data or lacks weights; [`TaskError::Features`] if weights cannot be read.
pub fn feature_net(
    config: &MetricsConfig,
    data: &RunData,
    train_digest: &str,
    cache: &Path,
    device: Device,
    progress: &dyn Progress,
) -> Result<Box<dyn FeatureNet>, TaskError> {
    if let Some(net) = pretrained_net(config, device)? {
        return Ok(net);
    }
    let refused = |reason: &str| Err(TaskError::FeatureNet(reason.to_owned()));
    let (small, classes) = (data.train.image_shape().height <= SMALL, data.train.classes());
    match config.feature_net {
        FeatureNetKind::Lenet if classes == 0 => refused("a LeNet is trained on labels, and the data set has none"),
        FeatureNetKind::Auto if !small || classes == 0 => {
            refused("images without labels, or of more than 64 pixels, need a pretrained network to compare them")
        }
        _ => Ok(Box::new(lenet(data, &kept_lenet(cache, train_digest), device, progress)?)),
    }
}

/// The network with weights of its own that the configuration asks for; none where a LeNet is to be trained.
///
/// # Errors
/// As [`feature_net`].
pub fn pretrained_net(config: &MetricsConfig, device: Device) -> Result<Option<Box<dyn FeatureNet>>, TaskError> {
    let protocol = config.named_protocol()?;
    Ok(Some(match config.feature_net {
        FeatureNetKind::Lenet => return Ok(None),
        FeatureNetKind::Auto if config.trains_lenet() => return Ok(None),
        FeatureNetKind::Auto | FeatureNetKind::EfficientnetLite0 => {
            Box::new(EfficientNetLite0::load(weights(config)?, device)?)
        }
        FeatureNetKind::Inception => {
            Box::new(Inception::load(weights(config)?, protocol.unwrap_or(Protocol::CLEAN_FID), device)?)
        }
        FeatureNetKind::Torchscript => {
            let file = weights(config)?;
            let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            Box::new(TorchScript::load(file, &name, protocol.unwrap_or_else(|| of_script(config)), device)?)
        }
    }))
}

fn of_script(config: &MetricsConfig) -> Protocol {
    let input = config.script;
    // Whatever changes the features is part of the name under which they are kept.
    let name = format!("bicubic-{}-mean-{}-std-{}", input.size, joined(input.mean), joined(input.std));
    Protocol::custom(name, Resize::PillowBytes(Filter::Bicubic), [input.size; 2], input.mean, input.std)
}

fn joined(values: [f32; 3]) -> String {
    values.map(|value| value.to_string()).join("-")
}

fn weights(config: &MetricsConfig) -> Result<&Path, TaskError> {
    let missing = || TaskError::FeatureNet("this network needs the file of its weights".to_owned());
    config.weights.as_deref().ok_or_else(missing)
}

/// Where the LeNet of a data set is kept.
fn kept_lenet(cache: &Path, train_digest: &str) -> PathBuf {
    cache.join(format!("lenet-{}-{}.safetensors", short(train_digest), Recipe::default().seed))
}

fn lenet(data: &RunData, path: &Path, device: Device, progress: &dyn Progress) -> Result<LeNet, TaskError> {
    if path.exists() {
        return Ok(LeNet::load(path, device)?);
    }
    let recipe = Recipe::default();
    let all = |data: &dyn Dataset| read_bytes(data, 0..data.len());
    let (images, labels) = all(data.train.as_ref())?;
    let test = data.test.as_ref().map(|test| all(test.as_ref())).transpose()?;
    let test = test.as_ref().map(|(images, labels)| Labelled { images: images.view(), labels });
    let train = Labelled { images: images.view(), labels: &labels };
    let mut begun = 0;
    let net = LeNet::train(&train, test.as_ref(), data.train.classes(), &recipe, device, |done, total| {
        if begun == 0 {
            progress.begin("training the LeNet whose features are compared", total);
        }
        progress.advance(done - begun);
        begun = done;
    })?;
    make_folder_of(path)?;
    net.save(path)?;
    Ok(net)
}
