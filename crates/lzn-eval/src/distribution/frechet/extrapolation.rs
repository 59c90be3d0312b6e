//! The Frechet distance extrapolated to infinitely many generated images.

use ndarray::{ArrayView2, s};
use serde::Serialize;

use super::factor::Factor;
use super::{FeatureSet, FrechetDistance, OPERATION};
use crate::EvalError;
use crate::distribution::checks::check_count;

/// Distances at growing numbers of generated rows, and the straight line through them over `1 / N`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrechetExtrapolation {
    /// Numbers of generated rows, each the first so many.
    pub sizes: Vec<usize>,
    /// The distance at each size.
    pub distances: Vec<f64>,
    /// Where the line meets `1 / N = 0`: the distance without the bias of the generated sample. That of the real one stays.
    pub intercept: f64,
    /// How fast the distance falls.
    pub slope: f64,
    /// Real rows, if known.
    pub n_real: Option<u64>,
    /// Numbers in a row.
    pub dimension: usize,
}

/// The sizes of dgm-eval: 15, evenly from 5,000 (or a tenth of `rows`, if that is less) to `rows`.
#[must_use]
pub fn extrapolation_sizes(rows: usize) -> Vec<usize> {
    let first = 5000.min(rows / 10);
    let mut sizes: Vec<usize> = (0..15).map(|i| first + (rows - first) * i / 14).collect();
    sizes.dedup();
    sizes
}

/// Fits a line to the distances of the first rows of `generated` (`[N, d]`, in random order), by least squares (Chong and Forsyth,
/// "Effectively Unbiased FID and Inception Score", 2020).
///
/// # Errors
/// As [`super::frechet_distance`]; also [`EvalError::TooFew`] with fewer than two sizes or a size below 2, and
/// [`EvalError::Setting`] if a size exceeds `N` or all are equal.
pub fn frechet_extrapolation<'a>(
    real: impl Into<FeatureSet<'a>>,
    generated: ArrayView2<'_, f32>,
    sizes: &[usize],
) -> Result<FrechetExtrapolation, EvalError> {
    check_count(OPERATION, "sizes to extrapolate from", sizes.len(), 2)?;
    let refuse = |rule, got| Err(EvalError::Setting { operation: OPERATION, argument: "sizes", rule, got });
    if let Some(size) = sizes.iter().find(|size| **size > generated.nrows()) {
        return refuse("at most the number of generated rows", format!("{size} of {}", generated.nrows()));
    }
    if sizes.iter().all(|size| *size == sizes[0]) {
        return refuse("different", format!("{sizes:?}"));
    }
    let real = Factor::of(real.into())?;
    let distance = |&size: &usize| {
        let generated = Factor::of(generated.slice(s![..size, ..]).into())?;
        Ok(FrechetDistance::between(&real, &generated)?.value)
    };
    let distances = sizes.iter().map(distance).collect::<Result<Vec<_>, EvalError>>()?;
    let (intercept, slope) = line(sizes.iter().map(|size| 1.0 / *size as f64), &distances);
    let (n_real, dimension) = (real.count, real.mean.len());
    Ok(FrechetExtrapolation { sizes: sizes.to_vec(), distances, intercept, slope, n_real, dimension })
}

/// Intercept and slope of the line of least squares.
fn line(x: impl Iterator<Item = f64> + Clone, y: &[f64]) -> (f64, f64) {
    let count = y.len() as f64;
    let (mean_x, mean_y) = (x.clone().sum::<f64>() / count, y.iter().sum::<f64>() / count);
    let (mut xx, mut xy) = (0.0, 0.0);
    for (x, y) in x.zip(y) {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
    }
    (mean_y - xy / xx * mean_x, xy / xx)
}
