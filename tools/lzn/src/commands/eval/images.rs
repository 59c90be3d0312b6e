//! `lzn eval images REAL GENERATED`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use lzn_data::{image_files, read_pixels};
use lzn_eval::arrays::{self, Layout};
use lzn_eval::distribution::{Gaussian, frechet_distance};
use lzn_eval::reference::{read_statistics, write_statistics};
use lzn_features::{FeatureNet, Features};
use lzn_tasks::evaluate::{self, Better, Group, Measure, Progress, Reference};
use ndarray::{Array3, ArrayView4, Axis};

use super::{network, table};
use crate::cli::CompareArgs;
use crate::model::device;
use crate::say::{note, say};
use crate::stages::Stages;

/// Files of one size that are read together.
const CHUNK: usize = 200;

/// One side of a comparison.
enum Side {
    /// Features of a network, or given ones.
    Features(Reference),
    /// Mean and covariance alone.
    Statistics(Gaussian),
}

/// Compares two sets of images, or of their features or statistics.
pub(super) fn run(args: &CompareArgs) -> Result<()> {
    args.save_statistics.iter().try_for_each(|path| crate::images::check_place(path))?;
    let progress = Stages::default();
    let mut net = None;
    let real = side(args, &args.real, &mut net, &progress)?;
    let generated = side(args, &args.generated, &mut net, &progress)?;
    progress.begin("comparing", 1);
    let measures = measures(&real, &generated, net.as_deref())?;
    if let Some(path) = &args.save_statistics {
        write_statistics(path, &gaussian(&real)?)?;
        note(format_args!("{}", path.display()));
    }
    drop(progress);
    let title = format!("{} against {}", args.generated.display(), args.real.display());
    let groups = [Group { title, measures, network: net.map(|net| net.identity().clone()) }];
    match args.json {
        true => say!("{}", serde_json::json!({ "groups": groups })),
        false => table::print(&groups),
    }
}

fn side(
    args: &CompareArgs,
    path: &Path,
    net: &mut Option<Box<dyn FeatureNet>>,
    progress: &dyn Progress,
) -> Result<Side> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    if !path.is_dir() && !["npy", "npz"].contains(&ending.as_str()) {
        bail!("{}: neither a folder of images nor an npy or npz file; give one of these", path.display());
    }
    if !path.is_dir() {
        if let Ok(statistics) = read_statistics(path) {
            return Ok(Side::Statistics(statistics));
        }
        if let Ok(pooled) = arrays::read_features(path) {
            return Ok(Side::Features(Features { pooled, logits: None, spatial: None }.into()));
        }
    }
    if net.is_none() {
        *net = Some(network::load(&args.features, device(&args.compute)?)?);
    }
    let Some(net) = net.as_deref() else { bail!("no feature network") };
    let features = if path.is_dir() {
        of_files(args, net, path, progress)?
    } else {
        let images = arrays::read_images(path, Layout::Detect)?;
        progress.begin(&format!("features of {}", path.display()), images.dim().0);
        of_pieces(net, images.view(), progress)?
    };
    Ok(Side::Features(features.into()))
}

/// Features of all images below a folder, those of one size together.
fn of_files(args: &CompareArgs, net: &dyn FeatureNet, folder: &Path, progress: &dyn Progress) -> Result<Features> {
    let files = image_files(folder)?;
    progress.begin(&format!("features of {}", folder.display()), files.len());
    let (mut all, mut bad) = (Vec::new(), Vec::new());
    for files in files.chunks(CHUNK) {
        let mut sizes: Vec<(_, Vec<Array3<u8>>)> = Vec::new();
        for file in files {
            match read_pixels(file) {
                Ok(image) => {
                    let size = (image.dim().1, image.dim().2);
                    match sizes.iter_mut().find(|(known, _)| *known == size) {
                        Some((_, images)) => images.push(image),
                        None => sizes.push((size, vec![image])),
                    }
                }
                Err(error) if args.skip_bad => bad.push(error.to_string()),
                Err(error) => return Err(error).context("--skip-bad leaves such files out"),
            }
        }
        for (_, images) in sizes {
            let views: Vec<_> = images.iter().map(|image| image.view()).collect();
            let images = ndarray::stack(Axis(0), &views).context("images of one size")?;
            all.push(of_pieces(net, images.view(), progress)?);
        }
    }
    for problem in &bad {
        note(format_args!("left out: {problem}"));
    }
    if !bad.is_empty() {
        note(format_args!("{} of {} files left out in {}", bad.len(), files.len(), folder.display()));
    }
    ensure!(!all.is_empty(), "{}: no image could be read", folder.display());
    Ok(Features::stack(&all))
}

fn of_pieces(net: &dyn FeatureNet, images: ArrayView4<'_, u8>, progress: &dyn Progress) -> Result<Features> {
    let mut all = Vec::new();
    for piece in images.axis_chunks_iter(Axis(0), net.batch_size()) {
        all.push(net.features(piece)?);
        progress.advance(piece.dim().0);
    }
    ensure!(!all.is_empty(), "there are no images");
    Ok(Features::stack(&all))
}

fn gaussian(side: &Side) -> Result<Gaussian> {
    Ok(match side {
        Side::Features(of) => Gaussian::of(of.features.pooled.view())?,
        Side::Statistics(statistics) => statistics.clone(),
    })
}

fn measures(real: &Side, generated: &Side, net: Option<&dyn FeatureNet>) -> Result<Vec<Measure>> {
    if let (Side::Features(real), Side::Features(generated)) = (real, generated) {
        let dimension = real.features.pooled.ncols();
        let identity = net.map_or_else(|| network::given(dimension), |net| net.identity().clone());
        let mut all = evaluate::compare(&identity, real, &generated.features, "")?;
        if let Some(logits) = &generated.features.logits {
            all.push(evaluate::score(&identity, logits, "")?);
        }
        return Ok(all);
    }
    let (a, b) = (gaussian(real)?, gaussian(generated)?);
    let found = frechet_distance(&a, &b)?;
    let what = "of given statistics; what they are of decides what this may be called";
    let made = Measure::new("Frechet distance", found.shown(), Better::Lower, what);
    let count = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
    Ok(vec![Measure { real: count(found.n_real), generated: count(found.n_generated), ..made }])
}
