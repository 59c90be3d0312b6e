//! The feature network of an evaluation, and the features of the real images, each made once and kept.

use std::path::{Path, PathBuf};

use lzn_data::Dataset;
use lzn_eval::arrays::{read_features, write_features};
use lzn_features::lenet::{Labelled, Recipe};
use lzn_features::{EfficientNetLite0, FeatureNet, Features, Inception, LeNet};
use lzn_resize::Protocol;
use ndarray::{Array2, Array4, Axis, concatenate};
use sha2::{Digest, Sha256};
use tch::Device;

use super::Progress;
use super::parts::hex;
use crate::TaskError;
use crate::config::{FeatureNetKind, MetricsConfig};
use crate::data::RunData;

/// Images that are read together.
const CHUNK: usize = 500;

/// Largest side of images for which a LeNet is chosen unasked.
const SMALL: usize = 64;

/// Where feature networks and features of real images are kept: `LZN_CACHE`, or `lzn` in the user's folder for such things.
pub fn cache_folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    variable("LZN_CACHE").or_else(|| Some(user()?.join("lzn"))).unwrap_or_else(|| PathBuf::from(".lzn-cache"))
}

/// The network that the configuration asks for; a LeNet is trained on the training images unless the cache holds it.
///
/// # Errors
/// [`TaskError::FeatureNet`] if the choice does not suit the data or lacks weights; [`TaskError::Features`] if weights cannot be read.
pub fn feature_net(
    config: &MetricsConfig,
    data: &RunData,
    cache: &Path,
    device: Device,
    progress: &dyn Progress,
) -> Result<Box<dyn FeatureNet>, TaskError> {
    match chosen(config, data.train.as_ref())? {
        FeatureNetKind::EfficientnetLite0 => Ok(Box::new(EfficientNetLite0::load(weights(config)?, device)?)),
        FeatureNetKind::Inception => Ok(Box::new(Inception::load(weights(config)?, Protocol::CLEAN_FID, device)?)),
        _ => Ok(Box::new(lenet(data, cache, device, progress)?)),
    }
}

fn chosen(config: &MetricsConfig, train: &dyn Dataset) -> Result<FeatureNetKind, TaskError> {
    let small = train.image_shape().height <= SMALL;
    Ok(match config.feature_net {
        FeatureNetKind::Auto if config.weights.is_some() => FeatureNetKind::EfficientnetLite0,
        FeatureNetKind::Auto if small && train.classes() > 0 => FeatureNetKind::Lenet,
        FeatureNetKind::Auto => {
            return Err(TaskError::FeatureNet(
                "images without labels, or of more than 64 pixels, need a pretrained network to compare them"
                    .to_owned(),
            ));
        }
        FeatureNetKind::Lenet if train.classes() == 0 => {
            return Err(TaskError::FeatureNet("a LeNet is trained on labels, and the data set has none".to_owned()));
        }
        kind => kind,
    })
}

fn weights(config: &MetricsConfig) -> Result<&Path, TaskError> {
    let missing = || TaskError::FeatureNet("this network needs the file of its weights".to_owned());
    config.weights.as_deref().ok_or_else(missing)
}

fn lenet(data: &RunData, cache: &Path, device: Device, progress: &dyn Progress) -> Result<LeNet, TaskError> {
    let recipe = Recipe::default();
    let path = cache.join(format!("lenet-{}-{}.safetensors", &digest(data.train.as_ref())?[..16], recipe.seed));
    if path.exists() {
        return Ok(LeNet::load(&path, device)?);
    }
    let all = |data: &dyn Dataset| read_all(data, data.len());
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
    std::fs::create_dir_all(cache).map_err(crate::run::RunError::io(cache))?;
    net.save(&path)?;
    Ok(net)
}

fn read_all(data: &dyn Dataset, count: usize) -> Result<(Array4<u8>, Vec<i64>), TaskError> {
    let shape = data.image_shape();
    let mut images = Array4::zeros((count, shape.channels, shape.height, shape.width));
    let mut labels = Vec::new();
    for (index, mut slot) in images.outer_iter_mut().enumerate() {
        let sample = data.read(index)?;
        slot.assign(&sample.image);
        labels.extend(sample.label);
    }
    Ok((images, labels))
}

/// SHA-256 of all images and labels of a data set, in hexadecimal.
///
/// # Errors
/// [`TaskError::Data`] if an image cannot be read.
pub fn digest(data: &dyn Dataset) -> Result<String, TaskError> {
    let mut hasher = Sha256::new();
    hasher.update(data.image_shape().to_string());
    for index in 0..data.len() {
        let sample = data.read(index)?;
        hasher.update(sample.label.unwrap_or(-1).to_le_bytes());
        hasher.update(sample.image.iter().copied().collect::<Vec<u8>>());
    }
    Ok(hex(&hasher.finalize()))
}

/// Pooled and spatial features of all images of a data set, in its order; kept in `cache` by the data's digest, network and protocol.
///
/// # Errors
/// [`TaskError`] if images cannot be read or features not be kept.
pub fn real_features(
    net: &dyn FeatureNet,
    data: &dyn Dataset,
    what: &str,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<(Array2<f32>, Option<Array2<f32>>), TaskError> {
    let identity = net.identity();
    let short = |digest: &str| digest.get(..16).unwrap_or(digest).to_owned();
    let stem = format!("{}-{}-{}", short(&digest(data)?), identity.protocol, short(&identity.weights_sha256));
    let path = |layer: &str| cache.join(format!("{stem}-{layer}.npy"));
    if let Ok(pooled) = read_features(&path("pooled")) {
        return Ok((pooled, read_features(&path("spatial")).ok()));
    }
    progress.begin(&format!("features of {what}"), data.len());
    let (mut pooled, mut spatial) = (Vec::new(), Vec::new());
    for start in (0..data.len()).step_by(CHUNK) {
        let rows = CHUNK.min(data.len() - start);
        let shape = data.image_shape();
        let mut images = Array4::zeros((rows, shape.channels, shape.height, shape.width));
        for (index, mut slot) in images.outer_iter_mut().enumerate() {
            slot.assign(&data.read(start + index)?.image);
        }
        let features = net.features(images.view())?;
        pooled.push(features.pooled);
        spatial.extend(features.spatial);
        progress.advance(rows);
    }
    let (pooled, spatial) = (stacked(&pooled), (!spatial.is_empty()).then(|| stacked(&spatial)));
    std::fs::create_dir_all(cache).map_err(crate::run::RunError::io(cache))?;
    if let Some(spatial) = &spatial {
        write_features(&path("spatial"), spatial.view())?;
    }
    write_features(&path("pooled"), pooled.view())?;
    Ok((pooled, spatial))
}

/// Features of drawn images.
///
/// # Errors
/// [`TaskError::Features`] if the network refuses them.
pub fn drawn_features(
    net: &dyn FeatureNet,
    images: &Array4<u8>,
    progress: &dyn Progress,
) -> Result<Features, TaskError> {
    progress.begin("features of drawn images", images.dim().0);
    let mut all: Option<Features> = None;
    for chunk in images.axis_chunks_iter(Axis(0), CHUNK) {
        let features = net.features(chunk)?;
        progress.advance(chunk.dim().0);
        all = Some(match all {
            None => features,
            Some(before) => before.join(features),
        });
    }
    all.ok_or_else(|| TaskError::FeatureNet("there are no images to compare".to_owned()))
}

/// Pieces of one width below each other.
fn stacked(pieces: &[Array2<f32>]) -> Array2<f32> {
    let views: Vec<_> = pieces.iter().map(|piece| piece.view()).collect();
    // Pieces of one network have one width.
    concatenate(Axis(0), &views).unwrap_or_default()
}
