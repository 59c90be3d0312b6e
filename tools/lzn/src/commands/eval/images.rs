//! `lzn eval images REAL GENERATED`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use lzn_eval::distribution::{FeatureSet, Gaussian, frechet_distance};
use lzn_eval::reference::write_statistics;
use lzn_features::Identity;
use lzn_tasks::evaluate::{self, Better, Comparison, Group, Measure, Progress, Reference};

use super::source::{Extractor, Source};
use super::{network, table};
use crate::cli::CompareArgs;
use crate::model::device;
use crate::say::{note, say};
use crate::stages::Stages;

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
    for path in [&args.real, &args.generated] {
        ensure!(path.exists(), "{}: there is no such file or folder; check the name", path.display());
    }
    let (real, generated) = (Source::of(&args.real)?, Source::of(&args.generated)?);
    let is_given = [&real, &generated].iter().any(|source| matches!(source, Source::Features(_)));
    let net = match real.is_images() || generated.is_images() {
        true => Some(network::load(&args.features, device(&args.compute)?)?),
        false => None,
    };
    let folder = args.features.cache.clone().unwrap_or_else(evaluate::cache_folder);
    let progress = Stages::default();
    let extractor = net.as_deref().map(|net| Extractor { args, net, folder: &folder, progress: &progress });
    let real = side(&args.real, real, extractor.as_ref(), true)?;
    let generated = side(&args.generated, generated, extractor.as_ref(), false)?;
    check_dimensions(args, &real, &generated)?;
    let identity = match &net {
        Some(net) if is_given => network::beside_given(net.identity()),
        Some(net) => net.identity().clone(),
        None => network::given(&args.features, dimension(&real))?,
    };
    progress.begin("comparing", 1);
    let title = format!("{} against {}", args.generated.display(), args.real.display());
    let Comparison { measures, warnings } =
        compare(args, &identity, &real, &generated).with_context(|| title.clone())?;
    if let Some(path) = &args.save_statistics {
        write_statistics(path, &gaussian(&real)?)?;
        note(format_args!("{}", path.display()));
    }
    drop(progress);
    let groups = [Group { title, measures, network: net.is_some().then_some(identity), warnings }];
    table::warn(&groups);
    match args.json {
        true => say!("{}", serde_json::json!({ "groups": groups })),
        false => table::print(&groups),
    }
}

fn side(path: &Path, source: Source, extractor: Option<&Extractor<'_>>, is_reference: bool) -> Result<Side> {
    Ok(match (source, extractor) {
        (Source::Features(features), _) => Side::Features(features.into()),
        (Source::Statistics(statistics), _) => Side::Statistics(statistics),
        (Source::Files(files), Some(extractor)) => Side::Features(extractor.of_files(path, &files, is_reference)?),
        (Source::Array, Some(extractor)) => Side::Features(extractor.of_array(path, is_reference)?),
        (Source::Files(_) | Source::Array, None) => bail!("{}: images need a feature network", path.display()),
    })
}

fn dimension(side: &Side) -> usize {
    match side {
        Side::Features(of) => of.features.pooled.ncols(),
        Side::Statistics(statistics) => statistics.dimension(),
    }
}

fn check_dimensions(args: &CompareArgs, real: &Side, generated: &Side) -> Result<()> {
    let [of_real, of_generated] = [real, generated].map(dimension);
    ensure!(
        of_real == of_generated,
        "{} has {of_real} numbers for an image and {} has {of_generated}; both must come from one network",
        args.real.display(),
        args.generated.display()
    );
    Ok(())
}

fn gaussian(side: &Side) -> Result<Gaussian> {
    Ok(match side {
        Side::Features(Reference { statistics: Some(statistics), .. }) | Side::Statistics(statistics) => {
            statistics.clone()
        }
        Side::Features(of) => Gaussian::of(of.features.pooled.view())?,
    })
}

fn compare(args: &CompareArgs, identity: &Identity, real: &Side, generated: &Side) -> Result<Comparison> {
    match (real, generated) {
        (Side::Features(real), Side::Features(generated)) => {
            Ok(evaluate::compare(identity, real, &generated.features, "", args.seed)?)
        }
        _ => of_statistics(args, real, generated),
    }
}

/// What can be said where one side is known by its mean and covariance alone.
fn of_statistics(args: &CompareArgs, real: &Side, generated: &Side) -> Result<Comparison> {
    let found = frechet_distance(set(real), set(generated))?;
    let alone = "statistics allow the Frechet distance alone: for the others give images or features on both sides";
    let mut warnings = vec![alone.to_owned()];
    for (path, count, deficient) in [
        (&args.real, found.n_real, found.real_rank_deficient),
        (&args.generated, found.n_generated, found.generated_rank_deficient),
    ] {
        let path = path.display();
        if count.is_none() {
            warnings.push(format!("{path} does not say of how many images it is, on which the distance depends"));
        }
        if deficient {
            let reason = "there are no more images than features, or some features follow from others";
            warnings.push(format!("{path}: the covariance lacks rank, so the distance is biased by much: {reason}"));
        }
    }
    let what = "of given statistics; what they are of decides what this may be called";
    let made = Measure::new("Frechet distance", found.shown(), Better::Lower, what);
    let count = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
    let measures = vec![Measure { real: count(found.n_real), generated: count(found.n_generated), ..made }];
    Ok(Comparison { measures, warnings })
}

/// One side as the distance takes it.
fn set(side: &Side) -> FeatureSet<'_> {
    match side {
        Side::Features(Reference { statistics: Some(statistics), .. }) | Side::Statistics(statistics) => {
            statistics.into()
        }
        Side::Features(of) => of.features.pooled.view().into(),
    }
}
