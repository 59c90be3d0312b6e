//! Whether a generator gives its training images back.

use ndarray::ArrayView2;

use crate::EvalError;
use crate::neighbours::{Measure, Neighbours, Table};

/// The nearest training rows of every sample, and how often training is nearer than test.
///
/// Training and test images come from one distribution. If samples do too, and owe nothing in particular to the training images, the
/// nearest of all `N` training and `M` test images is a training image with probability `N / (N + M)`: one half for equal numbers.
/// A generator that copies has a share near 1. (A share below the expectation means nothing of the kind; it can come from a test
/// set that is easier to be near to.)
///
/// Share and expectation say whether; the nearest neighbours themselves, beside the samples, show what.
#[derive(Debug, Clone, PartialEq)]
pub struct Memorisation {
    /// `[S, k]`: the nearest training rows of every sample.
    pub train: Neighbours,
    /// `[S, 1]`: the nearest test row of every sample.
    pub test: Neighbours,
    /// Samples whose nearest training row is nearer than their nearest test row.
    pub nearer_train: u64,
    /// Samples that are equally near to both.
    pub ties: u64,
    /// `N / (N + M)`.
    pub expected: f64,
}

impl Memorisation {
    /// Compares `samples: [S, d]` with the rows that the generator was trained on, `train: [N, d]`, and others of the same
    /// distribution that it never saw, `test: [M, d]`: features, or pixels in one row per image. Keeps the `k` nearest training rows.
    ///
    /// # Errors
    /// [`EvalError::Empty`], [`EvalError::Shape`], [`EvalError::NotANumber`], and [`EvalError::Setting`] unless `1 <= k <= N`.
    pub fn new(
        samples: ArrayView2<'_, f32>,
        train: ArrayView2<'_, f32>,
        test: ArrayView2<'_, f32>,
        k: usize,
    ) -> Result<Self, EvalError> {
        if samples.is_empty() {
            return Err(EvalError::Empty { operation: "memorisation" });
        }
        let expected = train.nrows() as f64 / (train.nrows() + test.nrows()) as f64;
        let train = Table::new(train, Measure::Euclidean)?.nearest(samples, k)?;
        let test = Table::new(test, Measure::Euclidean)?.nearest(samples, 1)?;
        let pairs = || train.distances.column(0).into_iter().zip(test.distances.column(0));
        let nearer_train = pairs().filter(|(train, test)| train < test).count() as u64;
        let ties = pairs().filter(|(train, test)| train == test).count() as u64;
        Ok(Self { train, test, nearer_train, ties, expected })
    }

    /// Share of samples that are nearer to training than to test, a tie counting half; compare with [`Self::expected`].
    #[must_use]
    pub fn share(&self) -> f64 {
        (self.nearer_train as f64 + 0.5 * self.ties as f64) / self.train.distances.nrows() as f64
    }
}

#[cfg(test)]
mod tests {
    use lzn_random::{Purpose, Stream};
    use ndarray::{Array2, array, s};

    use super::*;

    fn normals(rows: usize, index: u64) -> Array2<f32> {
        let values = Stream::new(3, Purpose::new("test"), [index, 0, 0]).normals(rows * 5);
        Array2::from_shape_vec((rows, 5), values).unwrap()
    }

    #[test]
    fn independent_samples_meet_the_expectation_and_copies_do_not() {
        let (samples, train, test) = (normals(2000, 0), normals(900, 1), normals(300, 2));
        let found = Memorisation::new(samples.view(), train.view(), test.view(), 2).unwrap();
        assert_eq!(found.expected, 0.75);
        // Three standard deviations of independent samples; those here share their training rows, which adds little.
        assert!((found.share() - 0.75).abs() < 3.0 * (0.75f64 * 0.25 / 2000.0).sqrt(), "{}", found.share());

        let copies = &train + &(normals(900, 3) * 1e-3);
        let found = Memorisation::new(copies.view(), train.view(), test.view(), 1).unwrap();
        assert_eq!(found.share(), 1.0);
        assert!(found.train.indices.iter().copied().eq(0..900));
        assert_eq!(Memorisation::new(test.view(), train.view(), test.view(), 1).unwrap().share(), 0.0);
    }

    #[test]
    fn a_tie_counts_half() {
        let rows = array![[0.0, 0.0], [1.0, 0.0]];
        let found = Memorisation::new(rows.view(), rows.view(), rows.view(), 1).unwrap();
        assert_eq!((found.nearer_train, found.ties, found.share(), found.expected), (0, 2, 0.5, 0.5));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let rows = normals(4, 4);
        let (view, none) = (rows.view(), rows.slice(s![..0, ..]));
        assert!(matches!(Memorisation::new(none, view, view, 1), Err(EvalError::Empty { .. })));
        assert!(matches!(Memorisation::new(view, view, none, 1), Err(EvalError::Empty { .. })));
        assert!(matches!(Memorisation::new(view, view, rows.slice(s![.., ..2]), 1), Err(EvalError::Shape { .. })));
        assert!(matches!(Memorisation::new(view, view, view, 5), Err(EvalError::Setting { .. })));
    }
}
