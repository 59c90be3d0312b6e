//! The linear probe: a linear classifier learned on frozen features.

mod adamw;
mod config;
mod fit;
mod loss;
mod standardise;

use ndarray::{Array1, Array2, ArrayView2};
use serde::Serialize;

pub use config::{LinearProbeConfig, Schedule};
pub use standardise::Standardisation;

use super::LabelledFeatures;
use crate::EvalError;

const OPERATION: &str = "linear probe";

/// A linear classifier: `scores = x W + b`, with `x` the features, standardised if so trained.
///
/// It minimises the mean cross-entropy of `softmax(scores)` by AdamW on mini-batches, in float32 with exact gradients. Its accuracy on
/// held-out features is the usual measure of a representation.
///
/// # Example
/// ```
/// use lzn_eval::probe::{LabelledFeatures, LinearProbe, LinearProbeConfig};
/// use ndarray::array;
///
/// let features = array![[1.0, 0.1], [0.9, -0.2], [-1.1, 0.2], [-0.8, 0.0]];
/// let train = LabelledFeatures::new(features.view(), &[0, 0, 1, 1], 2)?;
/// let config = LinearProbeConfig { learning_rate: 0.1, epochs: 20, ..LinearProbeConfig::published(7) };
/// let report = LinearProbe::train(&train, &train, &config)?;
/// assert_eq!(report.probe.accuracy(&train, 1)?, 1.0);
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LinearProbe {
    /// `[d, classes]`.
    pub weights: Array2<f32>,
    /// `[classes]`.
    pub bias: Array1<f32>,
    /// What is done to features first, if anything.
    pub standardisation: Option<Standardisation>,
}

/// A trained probe and the way there.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearProbeReport {
    /// The probe after the last epoch. The figure to report is its accuracy: the best epoch's would be chosen by the test labels.
    pub probe: LinearProbe,
    /// What every epoch gave.
    pub curve: Vec<Epoch>,
}

/// One epoch of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Epoch {
    /// Mean cross-entropy over the training rows, each measured just before its batch changed the probe.
    pub train_loss: f64,
    /// Top-1 accuracy over the same.
    pub train_accuracy: f64,
    /// Mean cross-entropy of the test rows after the epoch.
    pub test_loss: f64,
    /// Top-1 accuracy of the test rows after the epoch.
    pub test_accuracy: f64,
}

impl LinearProbe {
    /// Trains on `train` and follows the accuracy on `test`, which influences nothing.
    ///
    /// The result is a function of the arguments alone: it does not depend on the number of threads.
    ///
    /// # Errors
    /// [`EvalError::Setting`] for a setting outside its range, [`EvalError::Shape`] if `test` is of other features or
    /// classes, [`EvalError::NotANumber`] if training diverges (lower the learning rate, or standardise).
    pub fn train(
        train: &LabelledFeatures<'_>,
        test: &LabelledFeatures<'_>,
        config: &LinearProbeConfig,
    ) -> Result<LinearProbeReport, EvalError> {
        config.check()?;
        train.check_same(OPERATION, test)?;
        fit::fit(train, test, config)
    }

    /// Scores `[N, classes]` of features `[N, d]`; their softmax are the probabilities of the classes.
    ///
    /// # Errors
    /// [`EvalError::Shape`] for features of another width.
    pub fn scores(&self, features: ArrayView2<'_, f32>) -> Result<Array2<f32>, EvalError> {
        if features.ncols() != self.weights.nrows() {
            let (argument, expected) = ("features", format!("[N, {}]", self.weights.nrows()));
            let got = format!("{:?}", features.shape());
            return Err(EvalError::Shape { operation: OPERATION, argument, expected, got });
        }
        Ok(match &self.standardisation {
            Some(standardisation) => self.raw_scores(standardisation.apply(features).view()),
            None => self.raw_scores(features),
        })
    }

    /// Share of the rows whose class is among the `k` with the highest scores.
    ///
    /// # Errors
    /// Those of [`Self::scores`], and [`EvalError::Setting`] unless `1 <= k <= classes`.
    pub fn accuracy(&self, test: &LabelledFeatures<'_>, k: usize) -> Result<f64, EvalError> {
        test.accuracy(self.scores(test.features())?.view(), k)
    }

    /// Scores of features that are standardised already.
    fn raw_scores(&self, features: ArrayView2<'_, f32>) -> Array2<f32> {
        features.dot(&self.weights) + &self.bias
    }
}

#[cfg(test)]
mod tests;
