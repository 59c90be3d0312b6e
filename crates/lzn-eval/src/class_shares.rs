//! Which share of samples belongs to each class.

use crate::confusion::check_classes;
use crate::{EvalError, Metric};

const OPERATION: &str = "class shares";

/// Counts how often each class occurs, for instance among the classes that a classifier gives to samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassCounts {
    counts: Vec<u64>,
}

impl ClassCounts {
    /// An empty count over `classes` classes.
    ///
    /// # Errors
    /// [`EvalError::Setting`] if there are no classes.
    pub fn new(classes: usize) -> Result<Self, EvalError> {
        if classes == 0 {
            let (argument, rule) = ("classes", "at least 1");
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got: "0".to_owned() });
        }
        Ok(Self { counts: vec![0; classes] })
    }
}

impl Metric for ClassCounts {
    /// `[B]`, classes.
    type Batch<'a> = &'a [i64];
    type Value = ClassShares;
    type Error = EvalError;

    fn update(&mut self, classes: &[i64]) -> Result<(), EvalError> {
        check_classes(OPERATION, classes, self.counts.len())?;
        classes.iter().for_each(|&class| self.counts[class as usize] += 1);
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        if self.counts.len() != other.counts.len() {
            let name = |metric: &Self| format!("{} classes", metric.counts.len());
            return Err(EvalError::Merge { operation: OPERATION, left: name(self), right: name(&other) });
        }
        self.counts.iter_mut().zip(other.counts).for_each(|(mine, theirs)| *mine += theirs);
        Ok(())
    }

    fn finish(self) -> Result<ClassShares, EvalError> {
        match self.counts.iter().sum() {
            0 => Err(EvalError::Empty { operation: OPERATION }),
            total => Ok(ClassShares { counts: self.counts, total }),
        }
    }
}

/// How often each class occurred, at least one of them above 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassShares {
    counts: Vec<u64>,
    total: u64,
}

impl ClassShares {
    /// `[classes]`.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// `[classes]`, with sum 1.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        self.counts.iter().map(|&count| count as f64 / self.total as f64).collect()
    }

    /// The total variation distance between two histograms, half the sum of the differences of shares: 0 for equal ones, 1
    /// for classes without overlap. It is the share of samples that would have to change their class to make the two equal.
    ///
    /// Chance alone gives two samples of `n` each, over `K` equally frequent classes, about `sqrt((K - 1) / (pi n))`.
    ///
    /// # Errors
    /// [`EvalError::Shape`] if the numbers of classes differ.
    pub fn total_variation(&self, other: &Self) -> Result<f64, EvalError> {
        if self.counts.len() != other.counts.len() {
            let (expected, got) = (format!("{} classes", self.counts.len()), format!("{}", other.counts.len()));
            return Err(EvalError::Shape { operation: OPERATION, argument: "other", expected, got });
        }
        let pairs = self.shares().into_iter().zip(other.shares());
        Ok(0.5 * pairs.map(|(mine, theirs)| (mine - theirs).abs()).sum::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use lzn_random::{Purpose, Stream};
    use proptest::prelude::*;

    use super::*;

    fn counted(classes: &[i64]) -> ClassCounts {
        let mut metric = ClassCounts::new(4).unwrap();
        metric.update(classes).unwrap();
        metric
    }

    /// The largest difference in probability over all sets of classes, which is what the name means.
    fn by_definition(a: &[f64], b: &[f64]) -> f64 {
        let of = |set: u32, shares: &[f64]| -> f64 {
            shares.iter().enumerate().filter(|(class, _)| set >> class & 1 == 1).map(|(_, share)| share).sum()
        };
        (0..16).map(|set| (of(set, a) - of(set, b)).abs()).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition_and_is_merged_in_parts(
            a in prop::collection::vec(0i64..4, 1..40), b in prop::collection::vec(0i64..4, 1..40), cut in 0usize..40,
        ) {
            let cut = cut.min(a.len());
            let mut merged = counted(&a[cut..]);
            merged.merge(counted(&a[..cut])).unwrap();
            prop_assert_eq!(&merged, &counted(&a));
            let (a, b) = (merged.finish().unwrap(), counted(&b).finish().unwrap());
            let found = a.total_variation(&b).unwrap();
            prop_assert!((found - by_definition(&a.shares(), &b.shares())).abs() < 1e-12);
            prop_assert_eq!(found, b.total_variation(&a).unwrap());
            prop_assert_eq!(a.total_variation(&a).unwrap(), 0.0);
        }
    }

    #[test]
    fn chance_alone_gives_what_the_documentation_says() {
        let mut stream = Stream::new(0, Purpose::new("test"), [0; 3]);
        let mut draw = || {
            let classes: Vec<i64> = (0..1000).map(|_| stream.below(4) as i64).collect();
            counted(&classes).finish().unwrap()
        };
        let mean = (0..200).map(|_| draw().total_variation(&draw()).unwrap()).sum::<f64>() / 200.0;
        let said = (3.0 / (std::f64::consts::PI * 1000.0)).sqrt();
        // Four standard errors of 200 draws, which spread by about half of their mean.
        assert!((mean / said - 1.0).abs() < 4.0 * 0.5 / 200f64.sqrt(), "{mean} {said}");
    }

    #[test]
    fn refused_batches_change_nothing() {
        let mut metric = counted(&[1, 2]);
        let before = metric.clone();
        assert!(matches!(metric.update(&[0, 4]), Err(EvalError::Class { row: 1, class: 4, .. })));
        assert!(matches!(metric.merge(ClassCounts::new(3).unwrap()), Err(EvalError::Merge { .. })));
        assert_eq!(metric, before);
        assert!(matches!(counted(&[]).finish(), Err(EvalError::Empty { .. })));
        assert!(matches!(ClassCounts::new(0), Err(EvalError::Setting { .. })));
        let mut three = ClassCounts::new(3).unwrap();
        three.update(&[0]).unwrap();
        assert!(before.finish().unwrap().total_variation(&three.finish().unwrap()).is_err());
    }
}
