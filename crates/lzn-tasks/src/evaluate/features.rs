//! Features of the images of an evaluation; those of real images, and their statistics, are made once and kept.

use std::ops::Range;
use std::path::{Path, PathBuf};

use lzn_data::Dataset;
use lzn_eval::arrays::{read_features, write_features};
use lzn_eval::reference::{CacheKey, Gaussian, StatisticsCache};
use lzn_features::{FeatureNet, Features};
use ndarray::{Array4, s};
use sha2::{Digest, Sha256};

use super::Progress;
use crate::TaskError;
use crate::data::read_bytes;
use crate::run::RunError;

/// Images that are read together.
const CHUNK: usize = 500;

/// Where feature networks and features of real images are kept: `LZN_CACHE`, or `lzn` in the user's folder for such things.
pub fn cache_folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    variable("LZN_CACHE").or_else(|| Some(user()?.join("lzn"))).unwrap_or_else(|| PathBuf::from(".lzn-cache"))
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

/// What other sets are compared with.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Features of all its images.
    pub features: Features,
    /// Mean and covariance of the pooled ones, where they are known already.
    pub statistics: Option<Gaussian>,
}

impl From<Features> for Reference {
    fn from(features: Features) -> Self {
        Self { features, statistics: None }
    }
}

/// The images of a data set as a reference: [`real_features`] and, kept beside them in pytorch-fid's layout, their statistics. Fewer
/// images than features have no covariance worth keeping.
///
/// # Errors
/// As [`real_features`].
pub fn reference(
    net: &dyn FeatureNet,
    (data, digest): (&dyn Dataset, &str),
    what: &str,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Reference, TaskError> {
    let features = real_features(net, (data, digest), what, cache, progress)?;
    let identity = net.identity();
    if features.len() <= identity.dimension {
        return Ok(features.into());
    }
    let key = CacheKey::new(digest, &identity.protocol, &identity.weights_sha256, features.len() as u64)?;
    let compute = || Ok::<_, TaskError>(Gaussian::of(features.pooled.view())?);
    let statistics = StatisticsCache::new(cache).get_or_compute(&key, compute)?.statistics;
    Ok(Reference { features, statistics: Some(statistics) })
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
pub(super) fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// Makes the folder that `path` is in.
pub(super) fn make_folder_of(path: &Path) -> Result<(), TaskError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(std::fs::create_dir_all(folder).map_err(RunError::io(folder))?)
}
