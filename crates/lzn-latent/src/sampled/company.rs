//! A few rows among few anchors: some counted as they are, the others a sample that stands for all the rest.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::{Anchors, LatentError, Real};

/// What all companies share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Population<F> {
    pub(super) anchors: Anchors<F>,
    /// The anchors that may stand for others, in ascending order.
    pub(super) sample: Vec<usize>,
    /// Shares of all zones; they sum to one.
    pub(super) shares: Array1<f64>,
}

/// A zoning problem of its own.
///
/// With the exact anchors `E` and the sample `S` its log-weights are `log c_j` for `j` in `E`, and for `j` in `S` but not in `E`
/// `log c_j + ln(rest / sampled)`: the weight of all anchors outside `E` over that of the ones that stand for them.
#[derive(Debug)]
pub(super) struct Company<F> {
    pub(super) anchors: Anchors<F>,
    /// The anchors that take part: first the exact ones, then those of the sample, both in ascending order.
    pub(super) members: Vec<usize>,
    exact: usize,
    /// Shares of all anchors that are not exact, and of those among them that take part.
    rest: f64,
    sampled: f64,
}

impl<F: Real> Population<F> {
    /// The company of the `exact` anchors, which are ascending and differ from each other.
    pub(super) fn company(&self, exact: &[usize]) -> Result<Company<F>, LatentError> {
        let mut members = exact.to_vec();
        members.extend(self.sample.iter().filter(|j| exact.binary_search(j).is_err()));
        let share = |members: &[usize]| -> f64 { members.iter().map(|j| self.shares[*j]).sum() };
        let rest = (1.0 - share(exact)).max(0.0);
        let sampled = share(&members[exact.len()..]);
        let anchors = Anchors::new(self.anchors.points().select(Axis(0), &members))?;
        let shift = if sampled > 0.0 { F::of((rest / sampled).ln()) } else { F::zero() };
        let log_weight = |i: usize| {
            let own = self.anchors.log_weight(members[i]);
            if i < exact.len() { own } else { own + shift }
        };
        let anchors = anchors.with_log_weights(Array1::from_shape_fn(members.len(), log_weight));
        Ok(Company { anchors, members, exact: exact.len(), rest, sampled })
    }

    /// Whether the sample still stands for something besides the `exact` anchors, or takes no part because all are exact.
    pub(super) fn is_represented(&self, exact: &[usize]) -> bool {
        let outside = |j: &usize| exact.binary_search(j).is_err();
        self.sample.iter().any(outside) || (0..self.anchors.len()).all(|j| !outside(&j) || self.shares[j] == 0.0)
    }
}

impl<F: Real> Company<F> {
    /// The anchors that count as they are.
    pub(super) fn exact(&self) -> &[usize] {
        &self.members[..self.exact]
    }

    /// Positions of exact anchors among the members.
    pub(super) fn positions(&self, owners: &[usize]) -> Vec<usize> {
        owners.iter().map(|owner| self.exact().partition_point(|member| member < owner)).collect()
    }
}

/// Gradients with respect to all anchors, collected from companies one after the other.
#[derive(Debug)]
pub(super) struct Collected<F> {
    /// `[N, d]`.
    pub(super) anchors: Array2<F>,
    /// `[N]`.
    log_weights: Array1<f64>,
    /// What every anchor's log-weight gets, as a multiple of its share.
    common: f64,
}

impl<F: Real> Collected<F> {
    pub(super) fn new(anchors: &Anchors<F>) -> Self {
        let (n, d) = (anchors.len(), anchors.dim());
        Self { anchors: Array2::zeros((n, d)), log_weights: Array1::zeros(n), common: 0.0 }
    }

    /// Adds the gradients of a company's members `[m, d]` and their log-weights `[m]`.
    ///
    /// The sample's weights hold those of all anchors by `ln rest - ln sampled`.
    pub(super) fn add(
        &mut self,
        population: &Population<F>,
        company: &Company<F>,
        anchors: &Array2<F>,
        log_weights: ArrayView1<'_, F>,
    ) {
        let shift: f64 = log_weights.iter().skip(company.exact).map(|g| g.wide()).sum();
        let per_share = |total: f64| if total > 0.0 { shift / total } else { 0.0 };
        let (of_rest, of_sampled) = (per_share(company.rest), per_share(company.sampled));
        self.common += of_rest;
        for (i, ((&j, gradient), own)) in company.members.iter().zip(anchors.rows()).zip(log_weights).enumerate() {
            self.anchors.row_mut(j).scaled_add(F::one(), &gradient);
            // An exact anchor is not one of the rest; one of the sample is, and among the sampled too.
            let back = if i < company.exact { of_rest } else { of_sampled };
            self.log_weights[j] += own.wide() - back * population.shares[j];
        }
    }

    /// Gradients of the log-weights, `[N]`.
    pub(super) fn log_weights(&self, population: &Population<F>) -> Array1<F> {
        let all = &self.log_weights + &(&population.shares * self.common);
        all.mapv(F::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_all_samples_every_anchor_counts_as_often_as_it_should() {
        // All samples of 3 among 6 anchors with anchor 1 and 4 exact: in the mean each anchor has the weight of one.
        let points = Array2::from_shape_fn((6, 2), |(j, k)| ((j * 2 + k) as f64).sin());
        let anchors = Anchors::new(points).unwrap();
        let (mut weights, mut samples) = (Array1::<f64>::zeros(6), 0.0);
        for set in 0..64_u32 {
            let sample: Vec<usize> = (0..6).filter(|j| set >> j & 1 == 1).collect();
            if sample.len() != 3 {
                continue;
            }
            let population = Population { shares: anchors.shares(), anchors: anchors.clone(), sample };
            let company = population.company(&[1, 4]).unwrap();
            for (i, j) in company.members.iter().enumerate() {
                weights[*j] += company.anchors.log_weight(i).exp();
            }
            samples += 1.0;
        }
        assert!(weights.iter().all(|weight| (weight / samples - 1.0).abs() < 1e-12), "{weights}");
    }

    #[test]
    fn a_company_has_the_weight_of_all() {
        let points = Array2::from_shape_fn((9, 2), |(j, k)| ((j * 2 + k) as f64).sin());
        let weights = Array1::from_shape_fn(9, |j| (j as f64 * 1.7).cos().abs() + 0.1);
        let anchors = Anchors::new(points).unwrap().with_weights(weights.clone()).unwrap();
        let population = Population { shares: anchors.shares(), anchors, sample: vec![0, 3, 5, 7] };
        let company = population.company(&[2, 3]).unwrap();
        assert_eq!(company.members, [2, 3, 0, 5, 7]);
        assert_eq!(company.positions(&[3, 2, 3]), [1, 0, 1]);
        let log_weights = company.anchors.log_weights().unwrap();
        assert!((log_weights[0].exp() - weights[2]).abs() < 1e-12);
        assert!((log_weights.mapv(f64::exp).sum() - weights.sum()).abs() < 1e-12);
    }
}
