//! Mean and variance of a stream of numbers.

use serde::Serialize;

use crate::{EvalError, Metric};

const OPERATION: &str = "mean and variance";

/// Mean and variance in one pass that does not lose digits when the mean is large.
///
/// It keeps the number `n`, the mean `m` and the sum `s` of squared distances from the mean. Two of them join as
///
/// ```text
/// m = m1 + (m2 - m1) n2 / n,    s = s1 + s2 + (m2 - m1)^2 n1 n2 / n,    n = n1 + n2
/// ```
///
/// (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeanVar {
    count: u64,
    mean: f64,
    squares: f64,
}

/// What [`MeanVar`] found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Moments {
    /// How many numbers there were.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Their mean squared distance from the mean (divided by the count, not by one less).
    pub variance: f64,
}

impl Moments {
    /// The standard deviation of a sample (divided by one less than the count), as of a measurement that was repeated; `None` for one
    /// number alone.
    #[must_use]
    pub fn sample_deviation(&self) -> Option<f64> {
        let count = self.count as f64;
        (self.count > 1).then(|| (self.variance * count / (count - 1.0)).sqrt())
    }
}

impl MeanVar {
    /// Nothing seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn join(&mut self, other: Self) {
        let count = self.count + other.count;
        if count == 0 {
            return;
        }
        let (distance, share) = (other.mean - self.mean, other.count as f64 / count as f64);
        self.mean += distance * share;
        self.squares += other.squares + distance * distance * self.count as f64 * share;
        self.count = count;
    }
}

impl Metric for MeanVar {
    type Batch<'a> = &'a [f64];
    type Value = Moments;
    type Error = EvalError;

    fn update(&mut self, batch: &[f64]) -> Result<(), EvalError> {
        if let Some(row) = batch.iter().position(|value| !value.is_finite()) {
            return Err(EvalError::NotANumber { operation: OPERATION, row });
        }
        for &value in batch {
            self.join(Self { count: 1, mean: value, squares: 0.0 });
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        self.join(other);
        Ok(())
    }

    fn finish(self) -> Result<Moments, EvalError> {
        if self.count == 0 {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        Ok(Moments { count: self.count, mean: self.mean, variance: self.squares / self.count as f64 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moments(values: &[f64]) -> MeanVar {
        let mut metric = MeanVar::new();
        metric.update(values).unwrap();
        metric
    }

    /// The definition, in two passes.
    fn two_passes(values: &[f64]) -> (f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count)
    }

    proptest! {
        #[test]
        fn any_cut_in_any_order_gives_the_definition(
            spread in prop::collection::vec(-1.0f64..1.0, 1..60), offset in -1e6f64..1e6, cut in 0usize..60,
        ) {
            let values: Vec<_> = spread.iter().map(|value| value + offset).collect();
            let cut = cut.min(values.len());
            let mut merged = moments(&values[cut..]);
            merged.merge(moments(&values[..cut])).unwrap();
            let (mean, variance) = two_passes(&values);
            // Rounding of numbers up to 1e6 in float64, sixty times.
            let unit = 60.0 * 1e6 * f64::EPSILON;
            for metric in [merged, moments(&values)] {
                let found = metric.finish().unwrap();
                prop_assert_eq!(found.count, values.len() as u64);
                prop_assert!((found.mean - mean).abs() <= unit);
                prop_assert!((found.variance - variance).abs() <= 4.0 * unit);
            }
        }
    }

    #[test]
    fn nothing_is_neutral() {
        let mut empty = MeanVar::new();
        empty.merge(MeanVar::new()).unwrap();
        assert!(matches!(empty.finish(), Err(EvalError::Empty { .. })));
        let some = moments(&[1.0, 4.0]);
        let (mut left, mut right) = (some, MeanVar::new());
        left.merge(MeanVar::new()).unwrap();
        right.merge(some).unwrap();
        assert_eq!((left, right), (some, some));
    }

    #[test]
    fn values_that_are_not_finite_are_refused_and_change_nothing() {
        let mut metric = moments(&[1.0]);
        for value in [f64::NAN, f64::INFINITY] {
            assert!(matches!(metric.update(&[2.0, value]), Err(EvalError::NotANumber { row: 1, .. })));
        }
        assert_eq!(metric, moments(&[1.0]));
    }
}
