//! KID as a mean over blocks or subsets.

use std::ops::Range;

use lzn_random::{Purpose, Stream};
use ndarray::{ArrayView2, Axis, s};
use serde::Serialize;

use super::{OPERATION, discrepancy};
use crate::EvalError;
use crate::distribution::checks::{check_count, check_pair};

/// Subsets of a set; indices `[subset, 0 for real and 1 for generated, 0]`.
const SUBSETS: Purpose = Purpose::new("kid-subsets");

/// How the parts were chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum KidParts {
    /// Consecutive blocks of at most this many rows.
    Blocks {
        /// The largest size.
        most: usize,
    },
    /// Random subsets without replacement.
    Seeded {
        /// Rows of each set in a subset.
        size: usize,
        /// The seed of the draws.
        seed: u64,
    },
    /// Subsets that the caller chose.
    Given,
}

/// Rows of one subset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset {
    /// Of the real set.
    pub real: Vec<usize>,
    /// Of the generated set.
    pub generated: Vec<usize>,
}

/// Unbiased estimates over parts of the sets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KernelDistances {
    /// The mean over the parts: the KID.
    pub mean: f64,
    /// Standard deviation over the parts, divided by their number: what torch-fidelity and others print after the mean.
    pub deviation: f64,
    /// Standard error of the mean from the deviation with one less than the number: what TF-GAN gives. `None` with one part. It
    /// means something for blocks, which are independent, and not for subsets that overlap.
    pub standard_error: Option<f64>,
    /// The estimate of each part, for instance for [`crate::distribution::bootstrap_mean`].
    pub values: Vec<f64>,
    /// How the parts were chosen.
    pub parts: KidParts,
    /// Real rows to choose from.
    pub n_real: usize,
    /// Generated rows to choose from.
    pub n_generated: usize,
    /// Numbers in a row.
    pub dimension: usize,
}

/// Over consecutive blocks: as few as have at most `most` rows of each set (1,024 in TF-GAN), of sizes that differ by at most one, the
/// smaller ones first.
///
/// # Errors
/// As [`super::kid`]; also [`EvalError::TooFew`] if a block has fewer than two rows, for instance because one set is much smaller.
pub fn kid_blocks(
    real: ArrayView2<'_, f32>,
    generated: ArrayView2<'_, f32>,
    most: usize,
) -> Result<KernelDistances, EvalError> {
    check_pair(OPERATION, real, generated, 2)?;
    check_count(OPERATION, "rows in a block", most, 2)?;
    let count = real.nrows().max(generated.nrows()).div_ceil(most);
    let blocks = cut(real.nrows(), count).zip(cut(generated.nrows(), count));
    let value = |(of_real, of_generated): (Range<usize>, Range<usize>)| {
        check_count(OPERATION, "rows in a block", of_real.len().min(of_generated.len()), 2)?;
        Ok(discrepancy(real.slice(s![of_real, ..]), generated.slice(s![of_generated, ..]), true))
    };
    let values = blocks.map(value).collect::<Result<_, EvalError>>()?;
    Ok(KernelDistances::of(values, KidParts::Blocks { most }, real, generated))
}

/// Over `count` subsets of `size` rows of each set, drawn without replacement: 100 of 1,000 are usual.
///
/// # Errors
/// As [`super::kid`]; also [`EvalError::TooFew`] if `size` is below 2, a set has fewer rows, or `count` is 0.
pub fn kid_seeded_subsets(
    real: ArrayView2<'_, f32>,
    generated: ArrayView2<'_, f32>,
    (count, size): (usize, usize),
    seed: u64,
) -> Result<KernelDistances, EvalError> {
    check_pair(OPERATION, real, generated, size)?;
    let draw = |rows: usize, subset: usize, side: u64| {
        let mut order: Vec<usize> = (0..rows).collect();
        Stream::new(seed, SUBSETS, [subset as u64, side, 0]).shuffle(&mut order);
        order.truncate(size);
        order
    };
    let subsets: Vec<Subset> = (0..count)
        .map(|i| Subset { real: draw(real.nrows(), i, 0), generated: draw(generated.nrows(), i, 1) })
        .collect();
    let found = kid_subsets(real, generated, &subsets)?;
    Ok(KernelDistances { parts: KidParts::Seeded { size, seed }, ..found })
}

/// Over given subsets.
///
/// # Errors
/// As [`super::kid`]; also [`EvalError::TooFew`] without subsets or with one of fewer than two rows, and [`EvalError::Setting`] if a row does
/// not exist.
pub fn kid_subsets(
    real: ArrayView2<'_, f32>,
    generated: ArrayView2<'_, f32>,
    subsets: &[Subset],
) -> Result<KernelDistances, EvalError> {
    check_pair(OPERATION, real, generated, 2)?;
    check_count(OPERATION, "subsets", subsets.len(), 1)?;
    for subset in subsets {
        for (chosen, rows) in [(&subset.real, real.nrows()), (&subset.generated, generated.nrows())] {
            check_count(OPERATION, "rows in a subset", chosen.len(), 2)?;
            if let Some(row) = chosen.iter().find(|row| **row >= rows) {
                let (argument, rule) = ("subsets", "rows that exist");
                return Err(EvalError::Setting {
                    operation: OPERATION,
                    argument,
                    rule,
                    got: format!("{row} of {rows}"),
                });
            }
        }
    }
    let value = |subset: &Subset| {
        let (x, y) = (real.select(Axis(0), &subset.real), generated.select(Axis(0), &subset.generated));
        discrepancy(x.view(), y.view(), true)
    };
    Ok(KernelDistances::of(subsets.iter().map(value).collect(), KidParts::Given, real, generated))
}

impl KernelDistances {
    fn of(values: Vec<f64>, parts: KidParts, real: ArrayView2<'_, f32>, generated: ArrayView2<'_, f32>) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            deviation: (squares / count).sqrt(),
            standard_error: (values.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt()),
            values,
            parts,
            n_real: real.nrows(),
            n_generated: generated.nrows(),
            dimension: real.ncols(),
        }
    }
}

/// Cuts `rows` into `count` consecutive ranges, the last ones longer by one where it does not come out even.
fn cut(rows: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let (size, longer) = (rows / count, rows % count);
    let start = move |i: usize| i * size + i.saturating_sub(count - longer);
    (0..count).map(move |i| start(i)..start(i + 1))
}
