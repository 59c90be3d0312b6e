//! How a set of images compares with another one by the features of a network.

use lzn_eval::distribution::{
    InceptionScore, NeighbourRule, Splits, cmmd, frechet_distance, inception_score, kid, kid_blocks, neighbour_metrics,
};
use lzn_features::{Distance, Features, Identity, metric_name};
use lzn_resize::Protocol;
use ndarray::{Array2, ArrayView2};

use super::features::Reference;
use super::{Better, Measure};
use crate::TaskError;

/// Above so many rows the kernel distance is the mean over blocks, whose cost grows less.
const ALL_PAIRS: usize = 10_000;

/// Largest blocks of the kernel distance, as in TF-GAN.
const BLOCK: usize = 1_024;

/// All distances between two sets, and the shares of one that are like the other.
///
/// # Errors
/// [`TaskError::Eval`] for sets that cannot be compared.
pub fn compare(
    identity: &Identity,
    reference: &Reference,
    generated: &Features,
    sampling: &str,
) -> Result<Vec<Measure>, TaskError> {
    let real = &reference.features;
    let (n_real, n_generated) = (real.len(), generated.len());
    let protocol = protocol(identity, sampling);
    let measure = |name: String, value, better, detail: &str| {
        Measure::new(name, value, better, format!("{protocol}{detail}")).counts(n_real, n_generated)
    };
    let named = |distance| metric_name(distance, identity, n_generated);
    let frechet = match &reference.statistics {
        Some(statistics) => frechet_distance(statistics, generated.pooled.view())?,
        None => frechet_distance(real.pooled.view(), generated.pooled.view())?,
    };
    let biased = frechet.real_rank_deficient || frechet.generated_rank_deficient;
    let note = if biased { "; a covariance lacks rank (few images): biased by much" } else { "" };
    let mut all = vec![measure(named(Distance::Frechet), frechet.shown(), Better::Lower, note)];
    if let (Some(real), Some(generated)) = (&real.spatial, &generated.spatial) {
        let distance = frechet_distance(real.view(), generated.view())?;
        all.push(measure(named(Distance::SpatialFrechet), distance.shown(), Better::Lower, "; an earlier layer"));
    }
    all.push(kernel(&measure, named(Distance::Kernel), real.pooled.view(), generated.pooled.view())?);
    if identity.protocol == Protocol::CMMD_336.name {
        let distance = cmmd(real.pooled.view(), generated.pooled.view())?.value;
        let name = format!("CMMD-{}", identity.network);
        all.push(measure(name, distance, Better::Lower, "; sigma 10, x 1000, biased"));
    }
    all.extend(neighbours(&measure, real.pooled.view(), generated.pooled.view())?);
    Ok(all)
}

type Make<'a> = dyn Fn(String, f64, Better, &str) -> Measure + 'a;

fn kernel(
    measure: &Make<'_>,
    name: String,
    real: ArrayView2<'_, f32>,
    generated: ArrayView2<'_, f32>,
) -> Result<Measure, TaskError> {
    let name = format!("{name} x 1000");
    if real.nrows().max(generated.nrows()) <= ALL_PAIRS {
        let found = kid(real, generated)?;
        return Ok(measure(name, 1e3 * found.value, Better::Lower, "; all pairs, unbiased"));
    }
    let found = kid_blocks(real, generated, BLOCK)?;
    let made = measure(name, 1e3 * found.mean, Better::Lower, "; mean over blocks of 1,024");
    Ok(match found.standard_error {
        Some(error) => made.spread(format!("standard error {:.4}", 1e3 * error)),
        None => made,
    })
}

fn neighbours(
    measure: &Make<'_>,
    real: ArrayView2<'_, f32>,
    generated: ArrayView2<'_, f32>,
) -> Result<Vec<Measure>, TaskError> {
    if real.nrows().min(generated.nrows()) <= NeighbourRule::PRDC.k {
        return Ok(Vec::new());
    }
    let found = neighbour_metrics(real, generated, &[NeighbourRule::KYNKAANNIEMI, NeighbourRule::PRDC])?;
    let [improved, prdc] = found.as_slice() else { return Ok(Vec::new()) };
    let (k3, k5) = ("; k = 3, <=", "; k = 5, <");
    Ok(vec![
        measure("precision".to_owned(), improved.precision, Better::Higher, k3).share(),
        measure("recall".to_owned(), improved.recall, Better::Higher, k3).share(),
        measure("density".to_owned(), prdc.density, Better::Higher, k5),
        measure("coverage".to_owned(), prdc.coverage, Better::Higher, k5).share(),
    ])
}

/// The Inception Score, or what it is of another network's classes.
///
/// # Errors
/// [`TaskError::Eval`] for scores that are not finite.
pub fn score(identity: &Identity, logits: &Array2<f32>, sampling: &str) -> Result<Measure, TaskError> {
    let splits = Splits::Number(10.min(logits.nrows().max(1)));
    let InceptionScore { mean, deviation, .. } = inception_score(logits.view(), splits)?;
    let name = if identity.genuine_fid { "IS".to_owned() } else { format!("IS-{}", identity.network) };
    let protocol = format!("{}; 10 splits", protocol(identity, sampling));
    let made = Measure::new(name, mean, Better::Higher, protocol).spread(format!("± {deviation:.4} over splits"));
    Ok(Measure { generated: Some(logits.nrows()), ..made })
}

fn protocol(identity: &Identity, sampling: &str) -> String {
    let Identity { network, weights_sha256, protocol, dimension, .. } = identity;
    let digest = weights_sha256.get(..8).unwrap_or(weights_sha256);
    let sampling = if sampling.is_empty() { String::new() } else { format!("{sampling}; ") };
    format!("{sampling}{network} {digest}, {protocol}, {dimension} features")
}
