//! Precision, recall, density and coverage: how two sets of features lie among each other's nearest neighbours.
//!
//! Around every row of a set is a ball that reaches to its `k`-th nearest other row of the same set; all of them together stand for
//! the manifold of the set.
//!
//! | value | share of | that |
//! |---|---|---|
//! | precision | generated rows | lie in a real ball: what is made looks real |
//! | recall | real rows | lie in a generated ball: what is real can be made |
//! | density | real balls around a generated row, on average, over `k` | may exceed 1 |
//! | coverage | real balls | hold a generated row |
//!
//! Precision, density and coverage use the radii of the real set, recall those of the generated one. Two conventions are in use, and
//! their numbers differ: [`NeighbourRule::KYNKAANNIEMI`] and [`NeighbourRule::PRDC`].

mod radii;
mod sweep;
#[cfg(test)]
mod tests;
mod tiles;

use ndarray::ArrayView2;
use serde::Serialize;

use super::checks::{check_count, check_dimension, check_pair, check_rows};
use crate::EvalError;
use sweep::{Balls, Tally};
use tiles::{Set, Sets, Space};

const OPERATION: &str = "neighbour metrics";

/// Where rows at exactly the radius are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Boundary {
    /// In the ball: `<=`.
    Inside,
    /// Outside: `<`.
    Outside,
}

/// Which neighbour gives the radius, and what is at the radius.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NeighbourRule {
    /// The radius of a row is the distance to its `k`-th nearest other row. Rows that repeat it are others, at distance 0.
    pub k: usize,
    /// Rows at exactly the radius.
    pub boundary: Boundary,
}

impl NeighbourRule {
    /// `k = 3`, boundary inside: Kynkaanniemi and others, "Improved Precision and Recall", 2019; also the evaluator of guided diffusion
    /// (ADM), StyleGAN and torch-fidelity.
    pub const KYNKAANNIEMI: Self = Self { k: 3, boundary: Boundary::Inside };
    /// `k = 5`, boundary outside: Naeem and others, "Reliable Fidelity and Diversity Metrics", 2020, and their package `prdc`.
    pub const PRDC: Self = Self { k: 5, boundary: Boundary::Outside };
}

/// Precision, recall, density and coverage under one rule, and what they were computed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeighbourMetrics {
    /// In [0, 1].
    pub precision: f64,
    /// In [0, 1].
    pub recall: f64,
    /// At least 0.
    pub density: f64,
    /// In [0, 1].
    pub coverage: f64,
    /// The numbers of rows and pairs behind the four, exact.
    pub counts: NeighbourCounts,
    /// The rule.
    pub rule: NeighbourRule,
    /// Real rows.
    pub n_real: usize,
    /// Generated rows.
    pub n_generated: usize,
    /// Numbers in a row.
    pub dimension: usize,
}

/// The numerators of [`NeighbourMetrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NeighbourCounts {
    /// Generated rows in a real ball.
    pub precise: u64,
    /// Real rows in a generated ball.
    pub recalled: u64,
    /// Pairs of a generated row and a real ball around it.
    pub pairs: u64,
    /// Real balls with a generated row.
    pub covered: u64,
}

/// Precision, recall, density and coverage of `[N, d]` against `[M, d]`, under every rule; several rules cost little more than one.
///
/// Every count is exact: distances are compared in single precision where the bound of its rounding error allows, else in float64. Beside the
/// features it takes about 20 MB per thread at `d` = 2,048, and `d (N^2 + M^2 + 2 N M)` additions and multiplications.
///
/// # Errors
/// [`EvalError::TooFew`] if a set has no `k + 1` rows, dimension is 0 or a `k` is 0, [`EvalError::Dimension`], [`EvalError::NotANumber`], and
/// [`EvalError::Setting`] for features whose squares exceed single precision.
///
/// # Example
/// ```
/// use lzn_eval::distribution::{NeighbourRule, neighbour_metrics};
/// use ndarray::array;
///
/// // Two modes; only one of them is generated, and well.
/// let real = array![[0.0_f32], [1.0], [2.0], [3.0], [50.0], [51.0], [52.0], [53.0]];
/// let generated = array![[0.5_f32], [1.5], [2.5], [3.5]];
/// let found = neighbour_metrics(real.view(), generated.view(), &[NeighbourRule::KYNKAANNIEMI])?;
/// assert_eq!((found[0].precision, found[0].recall), (1.0, 0.5));
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
pub fn neighbour_metrics(
    real: ArrayView2<'_, f32>,
    generated: ArrayView2<'_, f32>,
    rules: &[NeighbourRule],
) -> Result<Vec<NeighbourMetrics>, EvalError> {
    let most = most_neighbours(rules.iter().map(|rule| rule.k))?;
    check_pair(OPERATION, real, generated, most + 1)?;
    let sets = Sets::new(real, generated)?;
    let of_real = radii::nearest(&sets.real, &sets.space, most);
    let of_generated = radii::nearest(&sets.generated, &sets.space, most);
    let pick = |squares: &[Vec<f64>], k: usize| squares.iter().map(|row| row[k - 1]).collect();
    let balls: Vec<Balls> = rules
        .iter()
        .map(|&NeighbourRule { k, boundary }| Balls {
            boundary,
            real: pick(&of_real, k),
            generated: pick(&of_generated, k),
        })
        .collect();
    let tallies = sweep::sweep(&sets, &balls);
    let dimension = real.ncols();
    Ok(rules.iter().zip(tallies).map(|(rule, tally)| NeighbourMetrics::of(*rule, &tally, dimension)).collect())
}

/// The distance of every row of `[N, d]` to its `k`-th nearest other row, exact but for the last rounding.
///
/// # Errors
/// As [`neighbour_metrics`].
pub fn neighbour_radii(rows: ArrayView2<'_, f32>, k: usize) -> Result<Vec<f64>, EvalError> {
    most_neighbours([k])?;
    check_dimension(OPERATION, rows.ncols())?;
    check_count(OPERATION, "rows", rows.nrows(), k + 1)?;
    check_rows(OPERATION, rows, rows.ncols())?;
    let space = Space::about(rows);
    let squares = radii::nearest(&Set::new(rows, &space)?, &space, k);
    Ok(squares.iter().map(|row| row[k - 1].sqrt()).collect())
}

/// The largest `k`.
fn most_neighbours(k: impl IntoIterator<Item = usize> + Clone) -> Result<usize, EvalError> {
    check_count(OPERATION, "neighbours", k.clone().into_iter().min().unwrap_or(0), 1)?;
    Ok(k.into_iter().max().unwrap_or(1))
}

impl NeighbourMetrics {
    fn of(rule: NeighbourRule, tally: &Tally, dimension: usize) -> Self {
        let (n_real, n_generated) = (tally.real_holds.len(), tally.real_balls.len());
        let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count() as u64;
        let counts = NeighbourCounts {
            precise: tally.real_balls.iter().filter(|balls| **balls > 0).count() as u64,
            recalled: count(&tally.real_inside),
            pairs: tally.real_balls.iter().map(|balls| u64::from(*balls)).sum(),
            covered: count(&tally.real_holds),
        };
        Self {
            precision: counts.precise as f64 / n_generated as f64,
            recall: counts.recalled as f64 / n_real as f64,
            density: counts.pairs as f64 / (rule.k as f64 * n_generated as f64),
            coverage: counts.covered as f64 / n_real as f64,
            counts,
            rule,
            n_real,
            n_generated,
            dimension,
        }
    }
}
