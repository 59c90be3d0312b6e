//! The probe that learns nothing.

use ndarray::{Array2, ArrayView2, Axis, s};

use super::LabelledFeatures;
use crate::EvalError;
use crate::neighbours::{Measure, Table};

const OPERATION: &str = "kNN probe";

/// Queries at a time: bounds the memory for neighbours to a few MB.
const BLOCK: usize = 2048;

/// How neighbours vote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Vote {
    /// Each neighbour counts 1.
    Majority,
    /// A neighbour with the cosine `c` counts `exp(c / temperature)`.
    Weighted {
        /// Above 0. The smaller, the more the nearest decide; 0.07 is usual.
        temperature: f64,
    },
}

/// Classifies each test row by its `k` nearest training rows by cosine (Wu, Xiong, Yu and Lin, "Unsupervised feature learning via
/// non-parametric instance discrimination", 2018, section 3.4). There is nothing to tune or train, so its figure says
/// something about the features alone; the usual settings are `k = 200` and `k = 20` with temperature 0.07.
///
/// Neighbours are exact. Classes with equal votes are ranked by number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnnProbe {
    k: usize,
    vote: Vote,
}

impl KnnProbe {
    /// A vote of `k` neighbours.
    ///
    /// # Errors
    /// [`EvalError::Setting`] if `k` is 0 or the temperature is not a positive number.
    pub fn new(k: usize, vote: Vote) -> Result<Self, EvalError> {
        let setting = |argument, rule, got| Err(EvalError::Setting { operation: OPERATION, argument, rule, got });
        if k == 0 {
            return setting("k", "at least 1", k.to_string());
        }
        match vote {
            Vote::Weighted { temperature } if !(temperature.is_finite() && temperature > 0.0) => {
                setting("temperature", "a positive number", temperature.to_string())
            }
            _ => Ok(Self { k, vote }),
        }
    }

    /// Share of the votes for each class, `[Q, classes]`, for `queries: [Q, d]`.
    ///
    /// # Errors
    /// [`EvalError::Setting`] if there are fewer than `k` training rows; [`EvalError::Shape`], [`EvalError::NotANumber`].
    pub fn shares(&self, train: &LabelledFeatures<'_>, queries: ArrayView2<'_, f32>) -> Result<Array2<f32>, EvalError> {
        let table = Table::new(train.features(), Measure::Cosine)?;
        let mut shares = Array2::zeros((queries.nrows(), train.classes()));
        for (block, queries) in queries.axis_chunks_iter(Axis(0), BLOCK).enumerate() {
            let found = table.nearest(queries, self.k)?;
            let neighbours = found.indices.outer_iter().zip(found.distances.outer_iter());
            let mut shares = shares.slice_mut(s![block * BLOCK.., ..]);
            for ((indices, distances), mut shares) in neighbours.zip(shares.outer_iter_mut()) {
                let mut votes = vec![0.0; train.classes()];
                for (&index, &distance) in indices.iter().zip(distances) {
                    votes[train.labels()[index] as usize] += self.weight(distance - distances[0]);
                }
                let total: f64 = votes.iter().sum();
                shares.iter_mut().zip(votes).for_each(|(share, votes)| *share = (votes / total) as f32);
            }
        }
        Ok(shares)
    }

    /// Weight of a neighbour that is `excess` further away than the nearest: a common factor does not matter, and
    /// without it the exponential cannot overflow.
    fn weight(&self, excess: f64) -> f64 {
        match self.vote {
            Vote::Majority => 1.0,
            Vote::Weighted { temperature } => (-excess / temperature).exp(),
        }
    }

    /// Top-1 accuracy on `test` with the neighbours from `train`, a fraction.
    ///
    /// # Errors
    /// Those of [`Self::shares`], and [`EvalError::Shape`] if the two are of other features or classes.
    pub fn accuracy(&self, train: &LabelledFeatures<'_>, test: &LabelledFeatures<'_>) -> Result<f64, EvalError> {
        train.check_same(OPERATION, test)?;
        test.accuracy(self.shares(train, test.features())?.view(), 1)
    }
}

#[cfg(test)]
mod tests {
    use lzn_random::{Purpose, Stream};
    use ndarray::array;

    use super::*;

    fn random(rows: usize, d: usize, index: u64) -> (Array2<f32>, Vec<i64>) {
        let mut stream = Stream::new(9, Purpose::new("test"), [index, 0, 0]);
        let features = Array2::from_shape_vec((rows, d), stream.normals(rows * d)).unwrap();
        (features, (0..rows).map(|_| stream.below(4) as i64).collect())
    }

    /// Votes by the definition: all cosines, sorted, in float64.
    fn by_definition(k: usize, vote: Vote, train: &LabelledFeatures<'_>, query: ndarray::ArrayView1<f32>) -> Vec<f64> {
        let wide = |row: ndarray::ArrayView1<f32>| row.mapv(f64::from);
        let cosine = |row: ndarray::ArrayView1<f32>| {
            let (u, v) = (wide(query), wide(row));
            u.dot(&v) / (u.dot(&u) * v.dot(&v)).sqrt()
        };
        let mut all: Vec<_> = train.features().rows().into_iter().map(cosine).zip(train.labels()).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut votes = vec![0.0; 4];
        for &(cosine, &label) in &all[..k] {
            votes[label as usize] += match vote {
                Vote::Majority => 1.0,
                Vote::Weighted { temperature } => (cosine / temperature).exp(),
            };
        }
        let total: f64 = votes.iter().sum();
        votes.into_iter().map(|votes| votes / total).collect()
    }

    #[test]
    fn votes_are_those_of_the_definition() {
        let (features, labels) = random(300, 6, 0);
        let (queries, _) = random(40, 6, 1);
        let train = LabelledFeatures::new(features.view(), &labels, 4).unwrap();
        for vote in [Vote::Majority, Vote::Weighted { temperature: 0.07 }] {
            for k in [1, 20, 200] {
                let shares = KnnProbe::new(k, vote).unwrap().shares(&train, queries.view()).unwrap();
                for (found, query) in shares.outer_iter().zip(queries.outer_iter()) {
                    for (found, expected) in found.iter().zip(by_definition(k, vote, &train, query)) {
                        assert!((f64::from(*found) - expected).abs() < 1e-6, "{vote:?} {k}");
                    }
                }
            }
        }
    }

    #[test]
    fn near_neighbours_can_outvote_many_far_ones_only_with_weights() {
        let features = array![[1.0, 0.0], [0.0, 1.0], [0.1, 1.0], [-0.1, 1.0]];
        let train = LabelledFeatures::new(features.view(), &[0, 1, 1, 1], 2).unwrap();
        let test_row = array![[1.0, 0.05]];
        let test = LabelledFeatures::new(test_row.view(), &[0], 2).unwrap();
        let accuracy = |vote| KnnProbe::new(4, vote).unwrap().accuracy(&train, &test).unwrap();
        assert_eq!(accuracy(Vote::Majority), 0.0);
        // A temperature at which exp(1 / temperature) alone would overflow.
        for temperature in [0.07, 1e-4] {
            assert_eq!(accuracy(Vote::Weighted { temperature }), 1.0);
        }
    }

    #[test]
    fn blocks_of_queries_do_not_matter() {
        let (features, labels) = random(30, 3, 2);
        let (queries, _) = random(BLOCK + 5, 3, 3);
        let train = LabelledFeatures::new(features.view(), &labels, 4).unwrap();
        let probe = KnnProbe::new(7, Vote::Weighted { temperature: 0.07 }).unwrap();
        let whole = probe.shares(&train, queries.view()).unwrap();
        let tail = probe.shares(&train, queries.slice(s![BLOCK - 2.., ..])).unwrap();
        assert_eq!(whole.slice(s![BLOCK - 2.., ..]), tail);
    }

    #[test]
    fn impossible_settings_are_refused() {
        assert!(KnnProbe::new(0, Vote::Majority).is_err());
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(KnnProbe::new(1, Vote::Weighted { temperature }).is_err());
        }
        let (features, labels) = random(10, 3, 4);
        let train = LabelledFeatures::new(features.view(), &labels, 4).unwrap();
        let probe = KnnProbe::new(11, Vote::Majority).unwrap();
        assert!(probe.accuracy(&train, &train).unwrap_err().to_string().contains("11 for 10 rows"));
        let other = LabelledFeatures::new(features.slice(s![.., ..2]), &labels, 4).unwrap();
        let error = KnnProbe::new(1, Vote::Majority).unwrap().accuracy(&train, &other).unwrap_err();
        assert!(error.to_string().contains("[N, 3] of 4 classes"), "{error}");
        assert!(LabelledFeatures::new(features.view(), &labels[1..], 4).is_err());
        assert!(LabelledFeatures::new(features.view(), &labels, 2).is_err());
        assert!(LabelledFeatures::new(features.slice(s![..0, ..]), &[], 4).is_err());
    }
}
