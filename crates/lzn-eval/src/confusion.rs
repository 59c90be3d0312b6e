//! Which class is taken for which.

use ndarray::Array2;

use crate::{EvalError, Metric};

const OPERATION: &str = "confusion";

/// Counts pairs of true and predicted class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    counts: Array2<u64>,
}

impl Confusion {
    /// An empty count over `classes` classes.
    ///
    /// # Errors
    /// [`EvalError::Setting`] if there are no classes.
    pub fn new(classes: usize) -> Result<Self, EvalError> {
        if classes == 0 {
            let (argument, rule) = ("classes", "at least 1");
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got: classes.to_string() });
        }
        Ok(Self { counts: Array2::zeros((classes, classes)) })
    }
}

impl Metric for Confusion {
    /// Predicted and true classes, `[B]` each.
    type Batch<'a> = (&'a [i64], &'a [i64]);
    type Value = ConfusionMatrix;
    type Error = EvalError;

    fn update(&mut self, (predicted, labels): (&[i64], &[i64])) -> Result<(), EvalError> {
        if predicted.len() != labels.len() {
            let (expected, got) = (labels.len(), predicted.len());
            return Err(EvalError::Length { operation: OPERATION, argument: "predictions", expected, got });
        }
        check_classes(OPERATION, predicted, self.counts.nrows())?;
        check_classes(OPERATION, labels, self.counts.nrows())?;
        for (&predicted, &label) in predicted.iter().zip(labels) {
            self.counts[[label as usize, predicted as usize]] += 1;
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        if self.counts.dim() != other.counts.dim() {
            let name = |metric: &Self| format!("{} classes", metric.counts.nrows());
            return Err(EvalError::Merge { operation: OPERATION, left: name(self), right: name(&other) });
        }
        self.counts += &other.counts;
        Ok(())
    }

    fn finish(self) -> Result<ConfusionMatrix, EvalError> {
        if self.counts.sum() == 0 {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        Ok(ConfusionMatrix { counts: self.counts })
    }
}

/// Counts `[true class, predicted class]`, at least one of them above 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    counts: Array2<u64>,
}

impl ConfusionMatrix {
    /// The counts, `[classes, classes]`: rows are true classes, columns predicted ones.
    #[must_use]
    pub fn counts(&self) -> &Array2<u64> {
        &self.counts
    }

    /// Fraction of all rows that were predicted right, in [0, 1].
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.counts.diag().sum() as f64 / self.counts.sum() as f64
    }

    /// Fraction predicted right of every true class, in [0, 1]; `None` for a class that did not occur.
    #[must_use]
    pub fn per_class(&self) -> Vec<Option<f64>> {
        let fraction = |(class, row): (usize, ndarray::ArrayView1<'_, u64>)| {
            let total = row.sum();
            (total > 0).then(|| row[class] as f64 / total as f64)
        };
        self.counts.rows().into_iter().enumerate().map(fraction).collect()
    }
}

/// Checks that every class is one of `classes`.
pub(crate) fn check_classes(operation: &'static str, list: &[i64], classes: usize) -> Result<(), EvalError> {
    let valid = |class: &i64| usize::try_from(*class).is_ok_and(|class| class < classes);
    match list.iter().position(|class| !valid(class)) {
        None => Ok(()),
        Some(row) => Err(EvalError::Class { operation, row, class: list[row], classes }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Accuracy, Predictions};

    fn counted(predicted: &[i64], labels: &[i64]) -> Confusion {
        let mut metric = Confusion::new(4).unwrap();
        metric.update((predicted, labels)).unwrap();
        metric
    }

    proptest! {
        #[test]
        fn any_cut_in_any_order_gives_the_whole(
            pairs in prop::collection::vec((0i64..4, 0i64..4), 1..50), cut in 0usize..50,
        ) {
            let (predicted, labels): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let cut = cut.min(labels.len());
            let mut merged = counted(&predicted[cut..], &labels[cut..]);
            merged.merge(counted(&predicted[..cut], &labels[..cut])).unwrap();
            let whole = counted(&predicted, &labels);
            prop_assert_eq!(&merged, &whole);

            let mut accuracy = Accuracy::top(1, 4).unwrap();
            accuracy.update(Predictions::Classes { predicted: &predicted, labels: &labels }).unwrap();
            prop_assert_eq!(whole.finish().unwrap().accuracy(), accuracy.finish().unwrap());
        }
    }

    #[test]
    fn rows_are_true_classes_and_absent_ones_have_no_accuracy() {
        let matrix = counted(&[1, 1, 0, 3], &[1, 2, 1, 3]).finish().unwrap();
        assert_eq!(matrix.counts()[[2, 1]], 1);
        assert_eq!(matrix.counts()[[1, 2]], 0);
        assert_eq!(matrix.per_class(), [None, Some(0.5), Some(0.0), Some(1.0)]);
    }

    #[test]
    fn refused_batches_change_nothing() {
        let mut metric = counted(&[1], &[2]);
        let before = metric.clone();
        assert!(matches!(metric.update((&[0, 1], &[0])), Err(EvalError::Length { .. })));
        assert!(matches!(metric.update((&[0, 4], &[0, 0])), Err(EvalError::Class { row: 1, class: 4, .. })));
        assert!(matches!(metric.update((&[0], &[-1])), Err(EvalError::Class { class: -1, .. })));
        assert!(matches!(metric.merge(Confusion::new(3).unwrap()), Err(EvalError::Merge { .. })));
        assert_eq!(metric, before);
        assert!(matches!(Confusion::new(2).unwrap().finish(), Err(EvalError::Empty { .. })));
        assert!(matches!(Confusion::new(0), Err(EvalError::Setting { .. })));
    }
}
