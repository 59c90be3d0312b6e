//! The anchors that weigh most at a point of the flow, found in one pass over all of them.

use ndarray::{Array2, ArrayView2, s};

use crate::kernels::gemm::product;
use crate::kernels::vectorised;
use crate::{Anchors, Real};

/// Anchors that are looked at together.
const COLUMNS: usize = 2048;

/// Points of the flow: `u = x / t`, relative to `tau` times the mean of the anchors, `[q, d]`, and their clocks `tau`, `[q]`.
pub(super) struct Points<F> {
    pub(super) u: Array2<F>,
    pub(super) taus: Vec<F>,
}

/// The best seen so far; below `floor` nothing can be among the `count` best.
struct Best<F> {
    count: usize,
    floor: F,
    found: Vec<(F, usize)>,
}

impl<F: Real> Best<F> {
    fn new(count: usize) -> Self {
        Self { count, floor: F::neg_infinity(), found: Vec::with_capacity(2 * count) }
    }

    #[inline(always)]
    fn offer(&mut self, score: F, index: usize) {
        if score > self.floor {
            self.found.push((score, index));
            if self.found.len() == 2 * self.count {
                self.reduce();
            }
        }
    }

    /// Keeps the best alone. Of equal scores the first anchors win, whatever the order of the search.
    fn reduce(&mut self) {
        if self.found.len() > self.count {
            let order = |a: &(F, usize), b: &(F, usize)| {
                b.0.partial_cmp(&a.0).unwrap_or(std::cmp::Ordering::Equal).then(a.1.cmp(&b.1))
            };
            let (_, last, _) = self.found.select_nth_unstable_by(self.count - 1, order);
            self.floor = last.0;
            self.found.truncate(self.count);
        }
    }
}

/// The `count` anchors with the largest logits `tau u.a_j - tau^2 |a_j|^2 / 2 + log c_j` at each point, in no particular order;
/// never anchors of weight zero.
pub(super) fn strongest<F: Real>(anchors: &Anchors<F>, points: &Points<F>, count: usize) -> Vec<Vec<usize>> {
    let mut best: Vec<Best<F>> = points.taus.iter().map(|_| Best::new(count)).collect();
    if count == 0 {
        return best.into_iter().map(|_| Vec::new()).collect();
    }
    let mut products = Array2::zeros((points.taus.len(), COLUMNS.min(anchors.len())));
    for start in (0..anchors.len()).step_by(COLUMNS) {
        let columns = start..(start + COLUMNS).min(anchors.len());
        let half_squares = &anchors.half_squares()[columns.clone()];
        let part: ArrayView2<'_, F> = anchors.centred().slice(s![columns.clone(), ..]);
        let mut products = products.slice_mut(s![.., ..columns.len()]);
        product(points.u.view(), part.t(), products.view_mut());
        for ((mut row, tau), best) in products.rows_mut().into_iter().zip(&points.taus).zip(&mut best) {
            let row = row.as_slice_mut().unwrap_or_default();
            let (tau, square) = (*tau, *tau * *tau);
            vectorised(
                #[inline(always)]
                || {
                    for (x, half_square) in row.iter_mut().zip(half_squares) {
                        *x = tau * *x - square * *half_square;
                    }
                },
            );
            if let Some(log_weights) = anchors.log_weights() {
                row.iter_mut().zip(log_weights.slice(s![columns.clone()])).for_each(|(x, weight)| *x += *weight);
            }
            for (score, index) in row.iter().zip(columns.clone()) {
                best.offer(*score, index);
            }
        }
    }
    let finish = |mut best: Best<F>| {
        best.reduce();
        best.found.into_iter().map(|(_, index)| index).collect()
    };
    best.into_iter().map(finish).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    #[test]
    fn the_largest_logits_are_found_across_parts() {
        let n = 2 * COLUMNS + 100;
        let points = Array2::from_shape_fn((n, 3), |(j, k)| (((j * 3 + k) as f64) * 0.77).sin());
        let weights = Array1::from_shape_fn(n, |j| if j % 5 == 0 { 0.0 } else { 1.0 + (j % 3) as f64 });
        let anchors = Anchors::new(points).unwrap().with_weights(weights).unwrap();
        let at = Points { u: array![[0.3, -0.9, 0.4], [3.0, 1.0, -2.0]], taus: vec![1.5, 9.0] };
        for count in [1, 7, 300] {
            for (i, mut found) in strongest(&anchors, &at, count).into_iter().enumerate() {
                let tau = at.taus[i];
                let logit = |j: usize| {
                    tau * at.u.row(i).dot(&anchors.centred().row(j)) - tau * tau * anchors.half_squares()[j]
                        + anchors.log_weight(j)
                };
                let mut all: Vec<usize> = (0..n).collect();
                all.sort_by(|a, b| logit(*b).total_cmp(&logit(*a)));
                all.truncate(count);
                all.sort_unstable();
                found.sort_unstable();
                assert_eq!(found, all, "{count}");
            }
        }
        assert_eq!(strongest(&anchors, &at, 0), [vec![], vec![]]);
    }
}
