//! The feature network of an evaluation, and the features of the real images, each made once and kept.

use std::ops::Range;
use std::path::{Path, PathBuf};

use lzn_data::Dataset;
use lzn_eval::arrays::{read_features, write_features};
use lzn_features::lenet::{Labelled, Recipe};
use lzn_features::{EfficientNetLite0, FeatureNet, Features, Inception, LeNet};
use lzn_resize::Protocol;
use ndarray::{Array4, s};
use sha2::{Digest, Sha256};
use tch::Device;

use super::Progress;
use crate::TaskError;
use crate::config::{FeatureNetKind, MetricsConfig};
use crate::data::{RunData, read_bytes};
use crate::run::RunError;

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

/// The network that the configuration asks for; a LeNet is trained on the training images unless the cache holds it, under their
/// [`digest`].
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
    match chosen(config, data.train.as_ref())? {
        FeatureNetKind::EfficientnetLite0 => Ok(Box::new(EfficientNetLite0::load(weights(config)?, device)?)),
        FeatureNetKind::Inception => Ok(Box::new(Inception::load(weights(config)?, Protocol::CLEAN_FID, device)?)),
        _ => Ok(Box::new(lenet(data, &kept_lenet(cache, train_digest), device, progress)?)),
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
    Ok(format!("{:x}", hasher.finalize()))
}

/// Pooled and spatial features of all images of a data set, in its order; kept in `cache` by the data's digest, network and protocol.
///
/// # Errors
/// [`TaskError`] if images cannot be read or features not be kept.
pub fn real_features(
    net: &dyn FeatureNet,
    (data, digest): (&dyn Dataset, &str),
    what: &str,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Features, TaskError> {
    let identity = net.identity();
    let stem = format!("{}-{}-{}", short(digest), identity.protocol, short(&identity.weights_sha256));
    let path = |layer: &str| cache.join(format!("{stem}-{layer}.npy"));
    if let Ok(pooled) = read_features(&path("pooled")) {
        return Ok(Features { pooled, logits: None, spatial: read_features(&path("spatial")).ok() });
    }
    progress.begin(&format!("features of {what}"), data.len());
    let features = in_pieces(data.len(), progress, |rows| Ok(net.features(read_bytes(data, rows)?.0.view())?))?;
    make_folder_of(&path("pooled"))?;
    if let Some(spatial) = &features.spatial {
        write_features(&path("spatial"), spatial.view())?;
    }
    write_features(&path("pooled"), features.pooled.view())?;
    Ok(features)
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
    in_pieces(images.dim().0, progress, |rows| Ok(net.features(images.slice(s![rows, .., .., ..]))?))
}

/// Features of `count` images, some at a time.
fn in_pieces(
    count: usize,
    progress: &dyn Progress,
    features: impl Fn(Range<usize>) -> Result<Features, TaskError>,
) -> Result<Features, TaskError> {
    let piece = |start: usize| {
        let rows = start..count.min(start + CHUNK);
        let found = features(rows.clone())?;
        progress.advance(rows.len());
        Ok(found)
    };
    let pieces = (0..count).step_by(CHUNK).map(piece).collect::<Result<Vec<_>, TaskError>>()?;
    match pieces.is_empty() {
        true => Err(TaskError::FeatureNet("there are no images to compare".to_owned())),
        false => Ok(Features::stack(&pieces)),
    }
}

/// As much of a digest as names a file.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// Makes the folder that `path` is in.
pub(super) fn make_folder_of(path: &Path) -> Result<(), TaskError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(std::fs::create_dir_all(folder).map_err(RunError::io(folder))?)
}
