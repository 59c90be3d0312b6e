//! Probes: how much of the labels can be read off frozen features.
//!
//! Features are computed once and handed over as a table; a probe never sees the network. [`LinearProbe`] learns a linear
//! classifier, [`KnnProbe`] learns nothing and lets neighbours vote.

mod knn;
mod linear;

use ndarray::ArrayView2;

pub use knn::{KnnProbe, Vote};
pub use linear::{Epoch, LinearProbe, LinearProbeConfig, LinearProbeReport, Schedule, Standardisation};

use crate::accuracy::check_length;
use crate::confusion::check_classes;
use crate::finite::check_finite;
use crate::{Accuracy, EvalError, Metric, Predictions};

/// Features with the class of each row.
#[derive(Debug, Clone, Copy)]
pub struct LabelledFeatures<'a> {
    features: ArrayView2<'a, f32>,
    labels: &'a [i64],
    classes: usize,
}

impl<'a> LabelledFeatures<'a> {
    /// Features `[N, d]` and labels `[N]` in `0..classes`.
    ///
    /// # Errors
    /// [`EvalError`] if there are none, the lengths differ, a label is not a class or a feature is not finite.
    pub fn new(features: ArrayView2<'a, f32>, labels: &'a [i64], classes: usize) -> Result<Self, EvalError> {
        let operation = "features with labels";
        check_length(operation, "rows of features", features.nrows(), labels.len())?;
        if features.is_empty() {
            return Err(EvalError::Empty { operation });
        }
        check_classes(operation, labels, classes)?;
        check_finite(operation, features)?;
        Ok(Self { features, labels, classes })
    }

    /// `[N, d]`.
    #[must_use]
    pub fn features(&self) -> ArrayView2<'a, f32> {
        self.features
    }

    /// `[N]`.
    #[must_use]
    pub fn labels(&self) -> &'a [i64] {
        self.labels
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Share of rows whose class is among the `k` with the highest `scores`.
    fn accuracy(&self, scores: ArrayView2<'_, f32>, k: usize) -> Result<f64, EvalError> {
        let mut accuracy = Accuracy::top(k, self.classes)?;
        accuracy.update(Predictions::Scores { scores, labels: self.labels })?;
        accuracy.finish()
    }

    /// Checks that `test` asks about the features and classes that these are of.
    fn check_same(&self, operation: &'static str, test: &LabelledFeatures<'_>) -> Result<(), EvalError> {
        let shape = |of: &LabelledFeatures<'_>| format!("[N, {}] of {} classes", of.features.ncols(), of.classes);
        let (expected, got) = (shape(self), shape(test));
        if expected == got { Ok(()) } else { Err(EvalError::Shape { operation, argument: "test", expected, got }) }
    }
}
