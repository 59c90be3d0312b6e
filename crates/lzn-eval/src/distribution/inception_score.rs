//! The Inception Score: how sure a classifier is of each image, and how varied its answers are.

use std::ops::Range;

use ndarray::{Array1, ArrayView2, s};
use serde::Serialize;

use super::checks::{check_count, check_dimension, check_rows};
use crate::EvalError;

const OPERATION: &str = "Inception Score";

/// How the rows are cut into splits; always consecutive, so the order of the rows matters. To shuffle is up to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Splits {
    /// So many, split `i` from row `i N / splits`: 10 in the original, 1 in TF-GAN.
    Number(usize),
    /// Of so many rows each, 5,000 in the evaluator of guided diffusion (ADM); the last may be shorter and counts as much as the others.
    Size(usize),
}

/// An Inception Score, and what it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InceptionScore {
    /// The mean over the splits: the score, between 1 and the number of classes.
    pub mean: f64,
    /// Standard deviation over the splits, divided by their number.
    pub deviation: f64,
    /// The score of each split.
    pub scores: Vec<f64>,
    /// How the rows were cut.
    pub splits: Splits,
    /// Rows.
    pub n_generated: usize,
    /// Classes.
    pub classes: usize,
}

/// The Inception Score `exp(mean KL(p(y|x) || p(y)))` of logits `[N, classes]` (Salimans and others, 2016). There is no real set.
///
/// Everything after the logits is in float64, with logarithms taken before exponentials: no probability underflows.
///
/// # Errors
/// [`EvalError::TooFew`] without rows or classes, or if a split were empty, [`EvalError::NotANumber`] for logits that are not finite.
pub fn inception_score(logits: ArrayView2<'_, f32>, splits: Splits) -> Result<InceptionScore, EvalError> {
    check_dimension(OPERATION, logits.ncols())?;
    check_count(OPERATION, "rows", logits.nrows(), 1)?;
    check_rows(OPERATION, logits, logits.ncols())?;
    let scores: Vec<f64> =
        splits.cut(logits.nrows())?.into_iter().map(|rows| score(logits.slice(s![rows, ..]))).collect();
    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let deviation = (scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / count).sqrt();
    Ok(InceptionScore { mean, deviation, scores, splits, n_generated: logits.nrows(), classes: logits.ncols() })
}

impl Splits {
    fn cut(self, rows: usize) -> Result<Vec<Range<usize>>, EvalError> {
        match self {
            Self::Number(splits) => {
                check_count(OPERATION, "splits", splits, 1)?;
                check_count(OPERATION, "rows for as many splits", rows, splits)?;
                Ok((0..splits).map(|i| i * rows / splits..(i + 1) * rows / splits).collect())
            }
            Self::Size(size) => {
                check_count(OPERATION, "rows in a split", size, 1)?;
                Ok((0..rows).step_by(size).map(|start| start..rows.min(start + size)).collect())
            }
        }
    }
}

/// `exp(mean over rows of sum p log p - sum q log q)` with `q` the mean of `p`: the same as the mean divergence, in one pass.
fn score(logits: ArrayView2<'_, f32>) -> f64 {
    let mut marginal = Array1::<f64>::zeros(logits.ncols());
    let mut sure = 0.0;
    for row in logits.rows() {
        let largest = row.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let row = row.mapv(|logit| f64::from(logit) - f64::from(largest));
        let log_sum = row.iter().map(|logit| logit.exp()).sum::<f64>().ln();
        for (sum, logit) in marginal.iter_mut().zip(row) {
            let log = logit - log_sum;
            sure += log.exp() * log;
            *sum += log.exp();
        }
    }
    let rows = logits.nrows() as f64;
    // A class that nobody is given contributes nothing, as the limit of q log q says.
    let varied: f64 = marginal.iter().map(|sum| sum / rows).filter(|q| *q > 0.0).map(|q| q * q.ln()).sum();
    (sure / rows - varied).exp()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, concatenate};

    use super::*;
    use crate::distribution::samples::normal;

    /// The definition: the mean divergence of rows from their mean.
    fn by_divergence(logits: ArrayView2<'_, f32>) -> f64 {
        let p = logits.mapv(|x| f64::from(x).exp());
        let p = &p / &p.sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1));
        let q = p.mean_axis(ndarray::Axis(0)).unwrap();
        (&p * &(&p / &q).mapv(f64::ln)).sum_axis(ndarray::Axis(1)).mean().unwrap().exp()
    }

    #[test]
    fn every_split_is_the_definition_on_its_rows() {
        let logits = normal(1, 23, 6) * 2.0;
        let number = inception_score(logits.view(), Splits::Number(4)).unwrap();
        for (found, (start, end)) in number.scores.iter().zip([(0, 5), (5, 11), (11, 17), (17, 23)]) {
            assert!((found - by_divergence(logits.slice(s![start..end, ..]))).abs() < 1e-12);
        }
        let size = inception_score(logits.view(), Splits::Size(10)).unwrap();
        for (found, (start, end)) in size.scores.iter().zip([(0, 10), (10, 20), (20, 23)]) {
            assert!((found - by_divergence(logits.slice(s![start..end, ..]))).abs() < 1e-12);
        }
        assert_eq!((size.scores.len(), size.n_generated, size.classes), (3, 23, 6));
        assert!((size.mean - size.scores.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_score_is_one_without_information_and_the_number_of_classes_when_sure_and_balanced() {
        let flat = inception_score(Array2::zeros((10, 7)).view(), Splits::Number(2)).unwrap();
        assert!((flat.mean - 1.0).abs() < 1e-12 && flat.deviation < 1e-12);
        // Differences of 4,000 underflow in any precision.
        let sure = Array2::eye(7) * 4000.0;
        let sure = inception_score(concatenate![ndarray::Axis(0), sure, sure].view(), Splits::Number(2)).unwrap();
        assert!((sure.mean - 7.0).abs() < 1e-12);
    }

    #[test]
    fn splits_without_rows_and_broken_logits_are_refused() {
        let logits = normal(1, 5, 3);
        for splits in [Splits::Number(6), Splits::Number(0), Splits::Size(0)] {
            assert!(matches!(inception_score(logits.view(), splits), Err(EvalError::TooFew { .. })), "{splits:?}");
        }
        assert!(inception_score(normal(1, 0, 3).view(), Splits::Size(2)).is_err());
        let mut broken = logits;
        broken[[2, 1]] = f32::INFINITY;
        assert!(matches!(inception_score(broken.view(), Splits::Size(2)), Err(EvalError::NotANumber { row: 2, .. })));
    }
}
