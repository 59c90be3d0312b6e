//! What the two paths of `lzn eval images` hold, and features of the images there.

use std::mem;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use lzn_data::{image_files, read_pixels};
use lzn_eval::arrays::{self, Kind};
use lzn_eval::distribution::Gaussian;
use lzn_eval::reference::read_statistics;
use lzn_features::{FeatureNet, Features, digest_of_files};
use lzn_tasks::evaluate::{FeatureCache, Progress, Reference};
use ndarray::{Array2, Array3, ArrayView4, Axis};

use crate::cli::CompareArgs;
use crate::say::note;

/// Most files that are read together, and most bytes of their pixels: one photograph may have as many as a thousand small images.
const CHUNK: (usize, usize) = (200, 64 << 20);

/// What a path holds, before any network is asked.
pub(super) enum Source {
    /// Files of images below a folder.
    Files(Vec<PathBuf>),
    /// Images in one file, which is not read yet.
    Array,
    /// Features that somebody has computed.
    Features(Features),
    /// Mean and covariance of such.
    Statistics(Gaussian),
}

impl Source {
    /// Looks at a path; features and statistics are read.
    pub(super) fn of(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Files(image_files(path)?));
        }
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
        if !["npy", "npz"].contains(&ending.as_str()) {
            bail!("{}: neither a folder of images nor an npy or npz file; give one of these", path.display());
        }
        Ok(match arrays::kind(path)? {
            Kind::Statistics => {
                let statistics = read_statistics(path)?;
                let few = statistics.count.is_some_and(|count| count < 2);
                ensure!(!few, "{}: statistics of less than 2 images; give those of more", path.display());
                Self::Statistics(statistics)
            }
            Kind::Features => {
                let features = Features { pooled: arrays::read_features(path)?, logits: None, spatial: None };
                check(path, &features)?;
                Self::Features(features)
            }
            Kind::Images => Self::Array,
        })
    }

    /// Whether a network has to look at it.
    pub(super) fn is_images(&self) -> bool {
        matches!(self, Self::Files(_) | Self::Array)
    }
}

/// Makes features of images, or finds those that were kept.
pub(super) struct Extractor<'a> {
    pub(super) args: &'a CompareArgs,
    pub(super) net: &'a dyn FeatureNet,
    /// Where features are kept.
    pub(super) folder: &'a Path,
    pub(super) progress: &'a dyn Progress,
}

impl Extractor<'_> {
    /// Features of the images below a folder.
    pub(super) fn of_files(&self, folder: &Path, files: &[PathBuf], is_reference: bool) -> Result<Reference> {
        let digest = match digest_of_files("files", files) {
            Err(_) if self.args.skip_bad => {
                // Who reads leaves the same file out, and nothing is kept then.
                let features = self.read(folder, files)?;
                check(folder, &features)?;
                return Ok(features.into());
            }
            digest => digest.context("--skip-bad leaves such files out")?,
        };
        self.kept(&digest, files.len(), is_reference, || {
            let features = self.read(folder, files)?;
            check(folder, &features)?;
            Ok(features)
        })
    }

    /// Features of the images in one file.
    pub(super) fn of_array(&self, path: &Path, is_reference: bool) -> Result<Reference> {
        let layout = self.args.layout.unwrap_or_default();
        let images = arrays::read_images(path, layout)?;
        let digest = digest_of_files(&format!("{layout:?}"), &[path.to_owned()])?;
        self.kept(&digest, images.dim().0, is_reference, || {
            self.progress.begin(&format!("features of {}", path.display()), images.dim().0);
            let features = Features::stack(&self.pieces(path, images.view())?);
            check(path, &features)?;
            Ok(features)
        })
    }

    /// The features of this digest: kept ones, or new ones. A reference has its statistics with it.
    fn kept(
        &self,
        digest: &str,
        count: usize,
        is_reference: bool,
        make: impl FnOnce() -> Result<Features>,
    ) -> Result<Reference> {
        let cache = FeatureCache::new(self.folder, self.net.identity(), digest);
        let features = match cache.load(count) {
            Some(features) => features,
            None => {
                let features = make()?;
                if features.len() != count {
                    // Without its bad files a folder is another one.
                    return Ok(features.into());
                }
                if let Err(error) = cache.store(&features) {
                    note(format_args!("warning: features are not kept: {error}"));
                    return Ok(features.into());
                }
                features
            }
        };
        Ok(if is_reference { cache.reference(features)? } else { features.into() })
    }

    /// Reads files and asks the network, a chunk at a time.
    fn read(&self, folder: &Path, files: &[PathBuf]) -> Result<Features> {
        self.progress.begin(&format!("features of {}", folder.display()), files.len());
        let (mut all, mut bad) = (Vec::new(), Vec::new());
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        for file in files {
            match read_pixels(file) {
                Ok(image) => {
                    bytes += image.len();
                    chunk.push(image);
                }
                Err(error) if self.args.skip_bad => bad.push(error.to_string()),
                Err(error) => return Err(error).context("--skip-bad leaves such files out"),
            }
            if chunk.len() >= CHUNK.0 || bytes >= CHUNK.1 {
                all.extend(self.by_size(folder, mem::take(&mut chunk))?);
                bytes = 0;
            }
        }
        all.extend(self.by_size(folder, chunk)?);
        for problem in &bad {
            note(format_args!("left out: {problem}"));
        }
        if !bad.is_empty() {
            note(format_args!("{} of {} files left out in {}", bad.len(), files.len(), folder.display()));
        }
        ensure!(!all.is_empty(), "{}: no image could be read", folder.display());
        Ok(Features::stack(&all))
    }

    /// Features of images of any sizes, in their order; those of one size pass the network together.
    fn by_size(&self, folder: &Path, images: Vec<Array3<u8>>) -> Result<Option<Features>> {
        let mut sizes: Vec<(Vec<usize>, Vec<Array3<u8>>)> = Vec::new();
        for (place, image) in images.into_iter().enumerate() {
            match sizes.iter_mut().find(|(_, known)| known[0].dim() == image.dim()) {
                Some((places, images)) => {
                    places.push(place);
                    images.push(image);
                }
                None => sizes.push((vec![place], vec![image])),
            }
        }
        let (mut all, mut places) = (Vec::new(), Vec::new());
        for (places_here, images) in sizes {
            let views: Vec<_> = images.iter().map(|image| image.view()).collect();
            let images = ndarray::stack(Axis(0), &views).context("images of one size")?;
            all.extend(self.pieces(folder, images.view())?);
            places.extend(places_here);
        }
        if all.is_empty() {
            return Ok(None);
        }
        let made = Features::stack(&all);
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|row| places[*row]);
        let ordered = |rows: Array2<f32>| rows.select(Axis(0), &order);
        let Features { pooled, logits, spatial } = made;
        Ok(Some(Features { pooled: ordered(pooled), logits: logits.map(ordered), spatial: spatial.map(ordered) }))
    }

    fn pieces(&self, path: &Path, images: ArrayView4<'_, u8>) -> Result<Vec<Features>> {
        let piece = |images: ArrayView4<'_, u8>| {
            let features = self.net.features(images).with_context(|| path.display().to_string())?;
            self.progress.advance(images.dim().0);
            Ok(features)
        };
        images.axis_chunks_iter(Axis(0), self.net.batch_size().max(1)).map(piece).collect()
    }
}

/// Refuses features of which no distance can be made, by the name of the file or folder.
fn check(path: &Path, features: &Features) -> Result<()> {
    let count = features.len();
    ensure!(count > 1, "{}: {count} image or row of features, but at least 2 are needed; give more", path.display());
    let layers = [Some(&features.pooled), features.logits.as_ref(), features.spatial.as_ref()];
    for rows in layers.into_iter().flatten() {
        if let Some(row) = rows.rows().into_iter().position(|row| row.iter().any(|value| !value.is_finite())) {
            bail!("{}: features in row {row} are not finite; look for a broken image or network", path.display());
        }
    }
    Ok(())
}
