//! Whether confidence can be believed.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::accuracy::check_length;
use crate::confusion::check_classes;
use crate::{EvalError, Metric};

const OPERATION: &str = "calibration";

/// By how much the probabilities of a row may miss 1 in sum: rounding of float32 over a thousand classes.
const SUM_TOLERANCE: f64 = 1e-3;

/// The expected calibration error, and the reliability diagram that it comes from.
///
/// A classifier is calibrated if, of all predictions made with confidence 0.8, 80 % are right. Predictions are put into `M` bins of equal
/// width by their confidence (the probability of the predicted class; bin `m` holds those in `(m / M, (m + 1) / M]`), and
///
/// ```text
/// ECE = sum_m  n_m / n  | accuracy of bin m - mean confidence of bin m |
/// ```
///
/// (Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017, who use 15 bins.) Of classes with equal
/// probability the first is the predicted one. Few samples inflate it: noise of a bin's accuracy counts as miscalibration.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    classes: usize,
    bins: Vec<Tally>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Tally {
    count: u64,
    correct: u64,
    confidence: f64,
}

/// One bar of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Confidences in the bin are above this, and at most `high`.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// Predictions in the bin.
    pub count: u64,
    /// Share of them that are right, and their mean confidence; `None` for an empty bin.
    pub accuracy: Option<f64>,
    /// See `accuracy`.
    pub confidence: Option<f64>,
}

/// What [`Calibration`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The bins in order of confidence; together they cover (0, 1].
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error, in [0, 1].
    pub expected_error: f64,
    /// The largest difference between accuracy and confidence in a bin.
    pub largest_error: f64,
}

impl Calibration {
    /// With `bins` bins of equal width, over `classes` classes.
    ///
    /// # Errors
    /// [`EvalError::Setting`] if either is 0.
    pub fn new(classes: usize, bins: usize) -> Result<Self, EvalError> {
        for (argument, value) in [("classes", classes), ("bins", bins)] {
            if value == 0 {
                return Err(EvalError::Setting { operation: OPERATION, argument, rule: "at least 1", got: "0".into() });
            }
        }
        Ok(Self { classes, bins: vec![Tally::default(); bins] })
    }

    fn check(&self, probabilities: ArrayView2<'_, f32>, labels: &[i64]) -> Result<(), EvalError> {
        check_length(OPERATION, "rows of probabilities", probabilities.nrows(), labels.len())?;
        if probabilities.ncols() != self.classes {
            let (argument, rule) = ("probabilities", "one for each class");
            let got = format!("{} for {} classes", probabilities.ncols(), self.classes);
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got });
        }
        check_classes(OPERATION, labels, self.classes)?;
        for (row, values) in probabilities.rows().into_iter().enumerate() {
            if values.iter().any(|value| value.is_nan()) {
                return Err(EvalError::NotANumber { operation: OPERATION, row });
            }
            let sum: f64 = values.iter().copied().map(f64::from).sum();
            if values.iter().any(|&value| value < 0.0) || (sum - 1.0).abs() > SUM_TOLERANCE {
                let (argument, rule) = ("probabilities", "at least 0 with sum 1 (apply softmax to logits first)");
                let got = format!("row {row} with sum {sum}");
                return Err(EvalError::Setting { operation: OPERATION, argument, rule, got });
            }
        }
        Ok(())
    }
}

impl Metric for Calibration {
    /// Probabilities `[B, classes]`, each row with sum 1, and true classes `[B]`.
    type Batch<'a> = (ArrayView2<'a, f32>, &'a [i64]);
    type Value = Reliability;
    type Error = EvalError;

    fn update(&mut self, (probabilities, labels): Self::Batch<'_>) -> Result<(), EvalError> {
        self.check(probabilities, labels)?;
        for (row, &label) in probabilities.rows().into_iter().zip(labels) {
            let first_largest = |best: usize, class: usize| if row[class] > row[best] { class } else { best };
            let predicted = (1..self.classes).fold(0, first_largest);
            let confidence = f64::from(row[predicted]).min(1.0);
            let bin = (confidence * self.bins.len() as f64).ceil() as usize;
            let tally = &mut self.bins[bin.saturating_sub(1)];
            tally.count += 1;
            tally.correct += u64::from(predicted as i64 == label);
            tally.confidence += confidence;
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        if (self.classes, self.bins.len()) != (other.classes, other.bins.len()) {
            let name = |metric: &Self| format!("{} classes in {} bins", metric.classes, metric.bins.len());
            return Err(EvalError::Merge { operation: OPERATION, left: name(self), right: name(&other) });
        }
        for (mine, theirs) in self.bins.iter_mut().zip(other.bins) {
            mine.count += theirs.count;
            mine.correct += theirs.correct;
            mine.confidence += theirs.confidence;
        }
        Ok(())
    }

    fn finish(self) -> Result<Reliability, EvalError> {
        let total: u64 = self.bins.iter().map(|bin| bin.count).sum();
        if total == 0 {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        let gap = |bin: &Tally| (bin.correct as f64 - bin.confidence).abs();
        let filled = || self.bins.iter().filter(|bin| bin.count > 0);
        let width = self.bins.len() as f64;
        let bins = self.bins.iter().enumerate().map(|(index, bin)| ReliabilityBin {
            low: index as f64 / width,
            high: (index + 1) as f64 / width,
            count: bin.count,
            accuracy: (bin.count > 0).then(|| bin.correct as f64 / bin.count as f64),
            confidence: (bin.count > 0).then(|| bin.confidence / bin.count as f64),
        });
        Ok(Reliability {
            expected_error: filled().map(gap).sum::<f64>() / total as f64,
            largest_error: filled().map(|bin| gap(bin) / bin.count as f64).fold(0.0, f64::max),
            bins: bins.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array, s};
    use proptest::prelude::*;

    use super::*;

    fn measured(probabilities: ArrayView2<f32>, labels: &[i64]) -> Calibration {
        let mut metric = Calibration::new(3, 5).unwrap();
        metric.update((probabilities, labels)).unwrap();
        metric
    }

    fn batch() -> impl Strategy<Value = (Array2<f32>, Vec<i64>)> {
        (1usize..40).prop_flat_map(|rows| {
            // Whole weights, so that ties and the borders of bins occur.
            let weights = prop::collection::vec(1u8..5, rows * 3);
            (weights, prop::collection::vec(0i64..3, rows)).prop_map(move |(weights, labels)| {
                let mut table = Array2::from_shape_vec((rows, 3), weights).unwrap().mapv(f32::from);
                for mut row in table.rows_mut() {
                    let sum = row.sum();
                    row /= sum;
                }
                (table, labels)
            })
        })
    }

    /// By going through the bins and looking for the rows, as the definition reads.
    fn by_definition(probabilities: &Array2<f32>, labels: &[i64]) -> f64 {
        let mut error = 0.0;
        for bin in 0..5 {
            let (mut gap, low, high) = (0.0, f64::from(bin) / 5.0, f64::from(bin + 1) / 5.0);
            for (row, &label) in probabilities.rows().into_iter().zip(labels) {
                let largest = row.iter().copied().fold(0.0, f32::max);
                let predicted = row.iter().position(|&value| value == largest).unwrap() as i64;
                if f64::from(largest) > low && f64::from(largest) <= high {
                    gap += f64::from(u8::from(predicted == label)) - f64::from(largest);
                }
            }
            error += f64::abs(gap);
        }
        error / labels.len() as f64
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition_in_any_cut((probabilities, labels) in batch(), cut in 0usize..40) {
            let cut = cut.min(labels.len());
            let mut merged = measured(probabilities.slice(s![cut.., ..]), &labels[cut..]);
            merged.merge(measured(probabilities.slice(s![..cut, ..]), &labels[..cut])).unwrap();
            for metric in [merged, measured(probabilities.view(), &labels)] {
                let found = metric.finish().unwrap();
                prop_assert!((found.expected_error - by_definition(&probabilities, &labels)).abs() < 1e-12);
                prop_assert_eq!(found.bins.iter().map(|bin| bin.count).sum::<u64>(), labels.len() as u64);
                prop_assert!(found.expected_error <= found.largest_error + 1e-12);
            }
        }
    }

    #[test]
    fn a_calibrated_classifier_has_no_error_and_an_overconfident_one_its_excess() {
        // Four rows with confidence 3/4: three right is calibrated, one right is 1/2 too few.
        let probabilities = Array2::from_shape_fn((4, 3), |(_, class)| [0.75, 0.25, 0.0][class]);
        let error = |labels| measured(probabilities.view(), labels).finish().unwrap();
        assert_eq!(error(&[0, 0, 0, 1]).expected_error, 0.0);
        let over = error(&[0, 1, 1, 1]);
        assert_eq!((over.expected_error, over.largest_error), (0.5, 0.5));
        let bin = over.bins[3];
        assert_eq!((bin.count, bin.accuracy, bin.confidence), (4, Some(0.25), Some(0.75)));
        assert_eq!(over.bins[0].accuracy, None);
    }

    #[test]
    fn certainty_falls_into_the_last_bin() {
        let found = measured(array![[0.0, 1.0, 0.0]].view(), &[1]).finish().unwrap();
        assert_eq!((found.bins[4].count, found.expected_error), (1, 0.0));
    }

    #[test]
    fn refused_batches_change_nothing() {
        let right = array![[0.5, 0.25, 0.25f32]];
        let mut metric = measured(right.view(), &[0]);
        let before = metric.clone();
        for (probabilities, labels, message) in [
            (array![[1.0, 3.0, -2.0]], vec![0], "softmax"),
            (array![[0.5, 0.25, 0.0]], vec![0], "sum 0.75"),
            (array![[0.5, f32::NAN, 0.5]], vec![0], "not a number"),
            (array![[0.5, 0.5]], vec![0], "2 for 3 classes"),
            (right.clone(), vec![3], "class 3"),
            (right.clone(), vec![0, 1], "1 rows"),
        ] {
            let error = metric.update((probabilities.view(), &labels)).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert!(matches!(metric.merge(Calibration::new(3, 4).unwrap()), Err(EvalError::Merge { .. })));
        assert_eq!(metric, before);
        assert!(matches!(Calibration::new(3, 0), Err(EvalError::Setting { .. })));
        assert!(matches!(Calibration::new(3, 5).unwrap().finish(), Err(EvalError::Empty { .. })));
    }
}
