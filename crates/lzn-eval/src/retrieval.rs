//! Retrieval: how high the right candidates stand among all.

use ndarray::{ArrayView1, ArrayView2};

use crate::accuracy::check_length;
use crate::{EvalError, Metric};

const OPERATION: &str = "retrieval";

/// Recall at several depths, and where the right candidate stands on average: for queries of one type (images) and candidates of another
/// (texts). Several candidates may be right, such as images that share a text; then the best of them counts, as is usual for captions.
///
/// Of equal scores the right candidate is taken to stand last, so that constant scores find nothing.
///
/// # Example
/// ```
/// use lzn_eval::{Metric, Ranking, Recall};
/// use ndarray::array;
///
/// let mut recall = Recall::at(&[1, 2])?;
/// // Two queries and three candidates; the right ones are candidate 0 and candidate 1.
/// let scores = array![[0.9, 0.1, 0.0], [0.8, 0.5, 0.1]];
/// recall.update(Ranking { scores: scores.view(), right: &|query, candidate| query == candidate })?;
/// let found = recall.finish()?;
/// assert_eq!(found.recall, [(1, 0.5), (2, 1.0)]);
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Recall {
    depths: Vec<usize>,
    hits: Vec<usize>,
    ranks: Vec<usize>,
}

/// Queries of a batch with their scores.
pub struct Ranking<'a> {
    /// Score of each candidate for each query, `[Q, N]`; higher is better.
    pub scores: ArrayView2<'a, f32>,
    /// Whether a candidate (second, column) is right for a query (first, row of this batch).
    pub right: &'a dyn Fn(usize, usize) -> bool,
}

/// What [`Recall`] finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Share of queries of which a right candidate stands among the first k, in [0, 1], for every depth k.
    pub recall: Vec<(usize, f64)>,
    /// Median rank of the best right candidate, from 1; of an even number of queries the mean of the middle two.
    pub median_rank: f64,
    /// Mean of the reciprocal of that rank, in (0, 1].
    pub mean_reciprocal_rank: f64,
    /// Number of queries.
    pub queries: usize,
}

impl Recall {
    /// Recall among the first k for every k of `depths`. Published for image-text retrieval: 1, 5, 10.
    ///
    /// # Errors
    /// [`EvalError::Setting`] unless there is a depth and all are at least 1.
    pub fn at(depths: &[usize]) -> Result<Self, EvalError> {
        if depths.is_empty() || depths.contains(&0) {
            let (argument, rule) = ("depths", "at least one, each at least 1");
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got: format!("{depths:?}") });
        }
        Ok(Self { depths: depths.to_vec(), hits: vec![0; depths.len()], ranks: Vec::new() })
    }

    /// Adds ranks that are known already: of each query how many candidates stand before its best right one.
    pub fn add_ranks(&mut self, before: &[usize]) {
        for (depth, hits) in self.depths.iter().zip(&mut self.hits) {
            *hits += before.iter().filter(|rank| *rank < depth).count();
        }
        self.ranks.extend(before);
    }
}

impl Metric for Recall {
    type Batch<'a> = Ranking<'a>;
    type Value = Recalled;
    type Error = EvalError;

    fn update(&mut self, batch: Ranking<'_>) -> Result<(), EvalError> {
        let rows = batch.scores.rows().into_iter().enumerate();
        let ranks = rows.map(|(query, row)| rank(query, row, batch.right)).collect::<Result<Vec<_>, _>>()?;
        self.add_ranks(&ranks);
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        if self.depths != other.depths {
            let name = |metric: &Self| format!("depths {:?}", metric.depths);
            return Err(EvalError::Merge { operation: OPERATION, left: name(self), right: name(&other) });
        }
        self.hits.iter_mut().zip(other.hits).for_each(|(own, other)| *own += other);
        self.ranks.extend(other.ranks);
        Ok(())
    }

    fn finish(mut self) -> Result<Recalled, EvalError> {
        let queries = self.ranks.len();
        if queries == 0 {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        self.ranks.sort_unstable();
        let at = |place: usize| self.ranks[place] as f64 + 1.0;
        let reciprocal: f64 = self.ranks.iter().map(|before| 1.0 / (*before as f64 + 1.0)).sum();
        let share = |(depth, hits): (&usize, &usize)| (*depth, *hits as f64 / queries as f64);
        Ok(Recalled {
            recall: self.depths.iter().zip(&self.hits).map(share).collect(),
            median_rank: (at((queries - 1) / 2) + at(queries / 2)) / 2.0,
            mean_reciprocal_rank: reciprocal / queries as f64,
            queries,
        })
    }
}

/// How many wrong candidates stand before the best right one of a query.
fn rank(query: usize, row: ArrayView1<'_, f32>, right: &dyn Fn(usize, usize) -> bool) -> Result<usize, EvalError> {
    if row.iter().any(|score| score.is_nan()) {
        return Err(EvalError::NotANumber { operation: OPERATION, row: query });
    }
    let is_right: Vec<bool> = (0..row.len()).map(|candidate| right(query, candidate)).collect();
    let best = row.iter().zip(&is_right).filter(|(_, right)| **right).map(|(score, _)| *score).reduce(f32::max);
    let best = best.ok_or(EvalError::NoCandidate { operation: OPERATION, row: query })?;
    Ok(row.iter().zip(&is_right).filter(|(score, right)| !**right && **score >= best).count())
}

/// Share of written texts that are, byte for byte, one of those that were asked for: a caption that is right altogether.
///
/// # Errors
/// [`EvalError::Length`] when there are not as many on both sides, [`EvalError::Empty`] when there are none.
pub fn exact_match<A: AsRef<str>, B: AsRef<str>>(written: &[A], expected: &[B]) -> Result<f64, EvalError> {
    check_length("exact match", "texts", written.len(), expected.len())?;
    if written.is_empty() {
        return Err(EvalError::Empty { operation: "exact match" });
    }
    let equal = written.iter().zip(expected).filter(|(a, b)| a.as_ref() == b.as_ref()).count();
    Ok(equal as f64 / written.len() as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    fn scored(scores: &Array2<f32>, right: &dyn Fn(usize, usize) -> bool) -> Recall {
        let mut recall = Recall::at(&[1, 2, 5]).unwrap();
        recall.update(Ranking { scores: scores.view(), right }).unwrap();
        recall
    }

    fn square() -> impl Strategy<Value = Array2<f32>> {
        (2usize..12).prop_flat_map(|n| {
            prop::collection::vec(-50i32..50, n * n)
                .prop_map(move |scores| Array2::from_shape_fn((n, n), |(i, j)| scores[i * n + j] as f32))
        })
    }

    proptest! {
        #[test]
        fn agrees_with_sorting_by_score(scores in square()) {
            let found = scored(&scores, &|query, candidate| query == candidate).finish().unwrap();
            let n = scores.nrows();
            for (depth, recall) in found.recall {
                let hits = (0..n).filter(|query| {
                    let mut order: Vec<usize> = (0..n).collect();
                    // Of equal scores the right one last.
                    order.sort_by(|a, b| scores[[*query, *b]].total_cmp(&scores[[*query, *a]]).then((a == query).cmp(&(b == query))));
                    order.iter().take(depth).any(|candidate| candidate == query)
                });
                prop_assert_eq!(recall, hits.count() as f64 / n as f64);
            }
        }

        #[test]
        fn halves_merge_to_the_whole_and_the_order_of_candidates_does_not_matter(scores in square(), cut in 0usize..12) {
            let (n, own) = (scores.nrows(), |query: usize, candidate: usize| query == candidate);
            let whole = scored(&scores, &own).finish().unwrap();
            let cut = cut.min(n);
            let mut left = scored(&scores.slice(ndarray::s![..cut, ..]).to_owned(), &own);
            left.merge(scored(&scores.slice(ndarray::s![cut.., ..]).to_owned(), &|q, c| q + cut == c)).unwrap();
            prop_assert_eq!(&left.finish().unwrap(), &whole);
            let turned = Array2::from_shape_fn((n, n), |(i, j)| scores[[i, n - 1 - j]]);
            prop_assert_eq!(scored(&turned, &|q, c| q == n - 1 - c).finish().unwrap(), whole);
        }
    }

    #[test]
    fn the_best_of_several_right_candidates_counts_and_right_ones_do_not_stand_in_its_way() {
        let scores = array![[0.9f32, 0.8, 0.7, 0.6]];
        let found = scored(&scores, &|_, candidate| candidate == 1 || candidate == 3).finish().unwrap();
        assert_eq!((found.recall[0].1, found.recall[1].1, found.median_rank), (0.0, 1.0, 2.0));
        let found = scored(&scores, &|_, candidate| candidate < 2).finish().unwrap();
        assert_eq!((found.recall[0].1, found.mean_reciprocal_rank), (1.0, 1.0));
    }

    #[test]
    fn constant_scores_find_nothing_and_ranks_may_be_given() {
        let found = scored(&Array2::zeros((3, 3)), &|query, candidate| query == candidate).finish().unwrap();
        assert_eq!((found.recall[0].1, found.recall[2].1, found.median_rank), (0.0, 1.0, 3.0));
        let mut recall = Recall::at(&[1, 10]).unwrap();
        recall.add_ranks(&[0, 3, 9, 10]);
        let found = recall.finish().unwrap();
        assert_eq!(found.recall, [(1, 0.25), (10, 0.75)]);
        assert_eq!((found.median_rank, found.queries), (7.0, 4));
    }

    #[test]
    fn what_cannot_be_ranked_is_refused_and_changes_nothing() {
        assert!(Recall::at(&[]).is_err() && Recall::at(&[0, 1]).is_err());
        let mut recall = Recall::at(&[1]).unwrap();
        let scores = array![[1.0f32, 0.0], [f32::NAN, 0.0]];
        let refused = recall.update(Ranking { scores: scores.view(), right: &|_, _| true }).unwrap_err();
        assert!(matches!(refused, EvalError::NotANumber { row: 1, .. }));
        let scores = array![[1.0f32, 0.0]];
        let refused = recall.update(Ranking { scores: scores.view(), right: &|_, _| false }).unwrap_err();
        assert!(refused.to_string().contains("no candidate is right for the query at row 0"), "{refused}");
        assert!(matches!(recall.clone().finish(), Err(EvalError::Empty { .. })));
        assert!(recall.merge(Recall::at(&[5]).unwrap()).is_err());
    }

    #[test]
    fn texts_match_byte_for_byte() {
        assert_eq!(exact_match(&["a", "b", "é"], &["a", "B", "e\u{301}"]).unwrap(), 1.0 / 3.0);
        assert!(exact_match(&["a"], &["a", "b"]).is_err());
        assert!(exact_match::<&str, &str>(&[], &[]).is_err());
    }
}
