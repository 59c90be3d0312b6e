//! Features of the images of an evaluation; those of given images, and the statistics of references, are made once and kept.

use std::ops::Range;
use std::path::{Path, PathBuf};

use lzn_data::Dataset;
use lzn_eval::arrays::{read_features, write_features};
use lzn_eval::reference::{CacheKey, Gaussian, StatisticsCache};
use lzn_features::{FeatureNet, Features, Identity};
use ndarray::{Array4, s};
use sha2::{Digest, Sha256};

use super::Progress;
use crate::TaskError;
use crate::data::read_bytes;
use crate::run::RunError;

/// Images that are read together.
const CHUNK: usize = 500;

/// Layers in the names of files.
const SPATIAL: &str = "spatial";
const SCORES: &str = "scores";

/// The layer that is always there, by what else is: so that nothing gets lost unseen.
fn pooled(spatial: bool, scores: bool) -> &'static str {
    match (spatial, scores) {
        (true, true) => "pooled-with-spatial-and-scores",
        (true, false) => "pooled-with-spatial",
        (false, true) => "pooled-with-scores",
        (false, false) => "pooled-alone",
    }
}

/// Where feature networks and features of given images are kept: `LZN_CACHE`, or `lzn` in the user's folder for such things.
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

/// The SHA-256 of images that are read in pieces.
#[derive(Default)]
pub(super) struct Seen(Sha256);

impl Seen {
    /// Takes some images, and labels if there are any.
    pub(super) fn update(&mut self, images: &Array4<u8>, labels: &[i64]) {
        images.outer_iter().for_each(|image| self.0.update(image.iter().copied().collect::<Vec<u8>>()));
        labels.iter().for_each(|label| self.0.update(label.to_le_bytes()));
    }

    /// The digest in hexadecimal.
    pub(super) fn digest(self) -> String {
        format!("{:x}", self.0.finalize())
    }
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

/// Features of one set of images by one network, kept in a folder.
#[derive(Debug, Clone, Copy)]
pub struct FeatureCache<'a> {
    folder: &'a Path,
    identity: &'a Identity,
    digest: &'a str,
}

impl<'a> FeatureCache<'a> {
    /// The place of the features that `identity` makes of the images with this digest.
    pub fn new(folder: &'a Path, identity: &'a Identity, digest: &'a str) -> Self {
        Self { folder, identity, digest }
    }

    /// The kept features of `count` images; `None` where there are none, or others than a network of this kind makes.
    pub fn load(&self, count: usize) -> Option<Features> {
        let read = |layer: &str| read_features(&self.path(layer)).ok().filter(|rows| rows.nrows() == count);
        let optional = |there: bool, layer| if there { read(layer).map(Some) } else { Some(None) };
        let all = |(spatial, scores)| {
            let pooled = read(pooled(spatial, scores)).filter(|rows| rows.ncols() == self.identity.dimension)?;
            Some(Features { pooled, spatial: optional(spatial, SPATIAL)?, logits: optional(scores, SCORES)? })
        };
        [(true, true), (true, false), (false, true), (false, false)].into_iter().find_map(all)
    }

    /// Keeps features.
    ///
    /// # Errors
    /// [`TaskError`] if they cannot be written.
    pub fn store(&self, features: &Features) -> Result<(), TaskError> {
        let (spatial, scores) = (&features.spatial, &features.logits);
        let pooled = (pooled(spatial.is_some(), scores.is_some()), Some(&features.pooled));
        make_folder_of(&self.path(pooled.0))?;
        // The pooled ones last: where they are, the others are.
        for (layer, rows) in [(SPATIAL, spatial.as_ref()), (SCORES, scores.as_ref()), pooled] {
            rows.map(|rows| write_features(&self.path(layer), rows.view())).transpose()?;
        }
        Ok(())
    }

    /// Features as a reference, with their statistics, which are kept in pytorch-fid's layout. Fewer images than features have no
    /// covariance worth keeping.
    ///
    /// # Errors
    /// [`TaskError`] if features are not finite, or statistics cannot be written.
    pub fn reference(&self, features: Features) -> Result<Reference, TaskError> {
        let Identity { dimension, protocol, weights_sha256, .. } = self.identity;
        if features.len() <= *dimension {
            return Ok(features.into());
        }
        let key = CacheKey::new(self.digest, protocol, weights_sha256, features.len() as u64)?;
        let compute = || Ok::<_, TaskError>(Gaussian::of(features.pooled.view())?);
        let statistics = StatisticsCache::new(self.folder).get_or_compute(&key, compute)?.statistics;
        Ok(Reference { features, statistics: Some(statistics) })
    }

    fn path(&self, layer: &str) -> PathBuf {
        let Identity { protocol, weights_sha256, .. } = self.identity;
        self.folder.join(format!("{}-{protocol}-{}-{layer}.npy", short(self.digest), short(weights_sha256)))
    }
}

/// Features of all images of a data set, in its order; kept in `cache` by the data's digest, network and protocol.
///
/// # Errors
/// [`TaskError`] if images cannot be read or features not be kept.
pub(super) fn real_features(
    net: &dyn FeatureNet,
    data: &dyn Dataset,
    what: &str,
    cache: &FeatureCache<'_>,
    progress: &dyn Progress,
) -> Result<Features, TaskError> {
    if let Some(kept) = cache.load(data.len()) {
        return Ok(kept);
    }
    progress.begin(&format!("features of {what}"), data.len());
    let made = in_pieces(data.len(), progress, |rows| Ok(net.features(read_bytes(data, rows)?.0.view())?))?;
    // Scores of real images are not asked for.
    let features = Features { logits: None, ..made };
    cache.store(&features)?;
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
