//! Top-k accuracy.

use ndarray::{ArrayView1, ArrayView2};

use crate::confusion::check_classes;
use crate::{EvalError, Metric};

const OPERATION: &str = "accuracy";

/// How often the true class is among the `k` classes with the highest scores.
///
/// Classes with equal scores are ranked by number, as an argmax that takes the first would rank them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accuracy {
    classes: usize,
    k: usize,
    correct: u64,
    total: u64,
}

/// Predictions of one batch, with the true classes.
#[derive(Debug, Clone, Copy)]
pub enum Predictions<'a> {
    /// The predicted class of every row; only for `k = 1`.
    Classes {
        /// `[B]`, predicted classes.
        predicted: &'a [i64],
        /// `[B]`, true classes.
        labels: &'a [i64],
    },
    /// A score for every class: the higher, the more likely.
    Scores {
        /// `[B, classes]`.
        scores: ArrayView2<'a, f32>,
        /// `[B]`, true classes.
        labels: &'a [i64],
    },
}

impl Accuracy {
    /// Accuracy over `classes` classes, counting the first `k` of them.
    ///
    /// # Errors
    /// [`EvalError::Setting`] unless `1 <= k <= classes`.
    pub fn top(k: usize, classes: usize) -> Result<Self, EvalError> {
        if k == 0 || k > classes {
            let (argument, rule) = ("k", "at least 1 and at most the number of classes");
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got: k.to_string() });
        }
        Ok(Self { classes, k, correct: 0, total: 0 })
    }

    fn count(&mut self, correct: usize, total: usize) {
        self.correct += correct as u64;
        self.total += total as u64;
    }

    fn count_classes(&mut self, predicted: &[i64], labels: &[i64]) -> Result<(), EvalError> {
        if self.k != 1 {
            let (argument, rule) = ("k", "1 when only the predicted class is known; give scores instead");
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got: self.k.to_string() });
        }
        check_length(OPERATION, "predictions", predicted.len(), labels.len())?;
        check_classes(OPERATION, predicted, self.classes)?;
        check_classes(OPERATION, labels, self.classes)?;
        self.count(predicted.iter().zip(labels).filter(|(predicted, label)| predicted == label).count(), labels.len());
        Ok(())
    }

    fn count_scores(&mut self, scores: ArrayView2<'_, f32>, labels: &[i64]) -> Result<(), EvalError> {
        check_length(OPERATION, "rows of scores", scores.nrows(), labels.len())?;
        if scores.ncols() != self.classes {
            let (argument, rule) = ("scores", "one for each class");
            let got = format!("{} for {} classes", scores.ncols(), self.classes);
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got });
        }
        check_classes(OPERATION, labels, self.classes)?;
        if let Some(row) = scores.rows().into_iter().position(|row| row.iter().any(|score| score.is_nan())) {
            return Err(EvalError::NotANumber { operation: OPERATION, row });
        }
        let correct =
            scores.rows().into_iter().zip(labels).filter(|(row, label)| rank(*row, **label as usize) < self.k).count();
        self.count(correct, labels.len());
        Ok(())
    }
}

impl Metric for Accuracy {
    type Batch<'a> = Predictions<'a>;
    /// The fraction of correct rows, in [0, 1].
    type Value = f64;
    type Error = EvalError;

    fn update(&mut self, batch: Predictions<'_>) -> Result<(), EvalError> {
        match batch {
            Predictions::Classes { predicted, labels } => self.count_classes(predicted, labels),
            Predictions::Scores { scores, labels } => self.count_scores(scores, labels),
        }
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        if (self.k, self.classes) != (other.k, other.classes) {
            let name = |metric: &Self| format!("top {} of {} classes", metric.k, metric.classes);
            return Err(EvalError::Merge { operation: OPERATION, left: name(self), right: name(&other) });
        }
        self.correct += other.correct;
        self.total += other.total;
        Ok(())
    }

    fn finish(self) -> Result<f64, EvalError> {
        if self.total == 0 {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        Ok(self.correct as f64 / self.total as f64)
    }
}

/// How many classes come before `class` in the order of falling scores.
fn rank(scores: ArrayView1<'_, f32>, class: usize) -> usize {
    let own = scores[class];
    scores.iter().enumerate().filter(|&(other, &score)| score > own || (score == own && other < class)).count()
}

/// Checks that there are as many rows as labels.
pub(crate) fn check_length(
    operation: &'static str,
    argument: &'static str,
    got: usize,
    expected: usize,
) -> Result<(), EvalError> {
    if got == expected { Ok(()) } else { Err(EvalError::Length { operation, argument, expected, got }) }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    fn scored(k: usize, scores: &Array2<f32>, labels: &[i64]) -> Accuracy {
        let mut metric = Accuracy::top(k, scores.ncols()).unwrap();
        metric.update(Predictions::Scores { scores: scores.view(), labels }).unwrap();
        metric
    }

    /// The same by sorting, the way the definition reads.
    fn by_sorting(k: usize, scores: &Array2<f32>, labels: &[i64]) -> f64 {
        let hits = scores.rows().into_iter().zip(labels).filter(|(row, label)| {
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            order[..k].contains(&(**label as usize))
        });
        hits.count() as f64 / labels.len() as f64
    }

    fn batch() -> impl Strategy<Value = (Array2<f32>, Vec<i64>)> {
        (1usize..20).prop_flat_map(|rows| {
            // Few different scores, so that many are equal.
            let scores = prop::collection::vec((0i8..4).prop_map(f32::from), rows * 5);
            (scores, prop::collection::vec(0i64..5, rows))
                .prop_map(move |(scores, labels)| (Array2::from_shape_vec((rows, 5), scores).unwrap(), labels))
        })
    }

    proptest! {
        #[test]
        fn agrees_with_sorting((scores, labels) in batch(), k in 1usize..=5) {
            prop_assert_eq!(scored(k, &scores, &labels).finish().unwrap(), by_sorting(k, &scores, &labels));
        }

        #[test]
        fn any_cut_in_any_order_gives_the_whole((scores, labels) in batch(), cut in 0usize..20, k in 1usize..=5) {
            let cut = cut.min(labels.len());
            let part = |range: std::ops::Range<usize>| {
                scored(k, &scores.slice(ndarray::s![range.clone(), ..]).to_owned(), &labels[range])
            };
            let mut merged = part(cut..labels.len());
            merged.merge(part(0..cut)).unwrap();
            prop_assert_eq!(merged, scored(k, &scores, &labels));
        }
    }

    #[test]
    fn classes_and_their_scores_agree() {
        let (predicted, labels) = ([2, 0, 1, 1], [2, 1, 1, 0]);
        let scores = Array2::from_shape_fn((4, 3), |(row, class)| f32::from(predicted[row] == class as i64));
        let mut metric = Accuracy::top(1, 3).unwrap();
        metric.update(Predictions::Classes { predicted: &predicted, labels: &labels }).unwrap();
        assert_eq!(metric, scored(1, &scores, &labels));
    }

    #[test]
    fn refused_batches_change_nothing() {
        let mut metric = scored(1, &array![[0.0, 1.0]], &[1]);
        let before = metric.clone();
        let scores = array![[0.0, f32::NAN]];
        let wrong = [
            Predictions::Classes { predicted: &[0], labels: &[0, 1] },
            Predictions::Classes { predicted: &[0], labels: &[2] },
            Predictions::Classes { predicted: &[-1], labels: &[0] },
            Predictions::Scores { scores: scores.view(), labels: &[0] },
            Predictions::Scores { scores: scores.view(), labels: &[0, 0] },
            Predictions::Scores { scores: scores.slice(ndarray::s![.., ..1]), labels: &[0] },
        ];
        let messages = wrong.map(|batch| metric.update(batch).unwrap_err().to_string());
        for (message, part) in
            messages.iter().zip(["1 predictions for 2", "class 2", "class -1", "row 0", "1 rows", "1 for 2"])
        {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(metric, before);
    }

    #[test]
    fn settings_are_checked() {
        assert!(matches!(Accuracy::top(0, 3), Err(EvalError::Setting { .. })));
        assert!(matches!(Accuracy::top(4, 3), Err(EvalError::Setting { .. })));
        let mut two = Accuracy::top(2, 3).unwrap();
        assert!(matches!(two.merge(Accuracy::top(1, 3).unwrap()), Err(EvalError::Merge { .. })));
        let classes = Predictions::Classes { predicted: &[0], labels: &[0] };
        assert!(matches!(two.update(classes), Err(EvalError::Setting { .. })));
        assert!(matches!(two.finish(), Err(EvalError::Empty { .. })));
    }
}
