//! Zones of training samples, among which a single sample lies.

use lzn_torch::zones::Zones;
use tch::{Kind, Tensor};

/// Anchors of training samples, and how much their zones weigh: company to a single sample, which alone would own the whole prior.
#[derive(Debug)]
pub struct Bank {
    /// One for each zone, `[N, d]`.
    pub anchors: Tensor,
    /// Share of the training samples in each zone, `[N]`, in (0, 1]; none where all have as many. Decoders know the zones of training,
    /// in which what is frequent takes up more of the prior.
    pub weights: Option<Tensor>,
}

impl Bank {
    /// Zones that weigh the same: anchors `[N, d]`.
    pub fn equal(anchors: Tensor) -> Self {
        Self { anchors, weights: None }
    }

    /// Another handle on the same.
    #[must_use]
    pub(crate) fn share(&self) -> Self {
        Self { anchors: self.anchors.shallow_clone(), weights: self.weights.as_ref().map(Tensor::shallow_clone) }
    }

    /// The zones.
    pub(crate) fn zones(&self) -> Zones<'_> {
        Zones { anchors: &self.anchors, weights: self.weights.as_ref() }
    }

    /// The zones with that of one more sample, of anchor `[1, d]`, and its row. A sample that is there already keeps its zone: there
    /// twice, it would have that of two. A new one weighs as much as the others on average.
    pub(crate) fn with(&self, anchor: &Tensor) -> (Self, i64) {
        let apart = (&self.anchors - anchor).square().sum_dim_intlist(1, false, Kind::Double);
        let (least, row) = apart.min_dim(0, false);
        // Networks give an anchor again but for the rounding of single precision.
        if least.double_value(&[]) <= 1e-10 * anchor.square().sum(Kind::Double).double_value(&[]) {
            return (self.share(), row.int64_value(&[]));
        }
        let weights = self.weights.as_ref().map(|weights| Tensor::cat(&[weights, &weights.mean(None).view([1])], 0));
        (Self { anchors: Tensor::cat(&[&self.anchors, anchor], 0), weights }, self.anchors.size()[0])
    }
}

/// Shares of samples `[N]` that were counted, each at least once; none if all were counted as often.
pub(crate) fn shares(counts: &[u32]) -> Option<Tensor> {
    let first = counts.first()?;
    if counts.iter().all(|count| count == first) {
        return None;
    }
    let counts: Vec<f32> = counts.iter().map(|count| *count.max(&1) as f32).collect();
    let counts = Tensor::from_slice(&counts);
    Some(&counts / counts.sum(Kind::Float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_that_is_in_the_bank_keeps_its_zone_and_a_new_one_weighs_as_much_as_the_mean() {
        let anchors = Tensor::from_slice(&[1f32, 0.0, 0.0, 1.0]).view([2, 2]);
        let bank = Bank { anchors, weights: shares(&[3, 1]) };
        let (same, row) = bank.with(&Tensor::from_slice(&[0f32, 1.0]).view([1, 2]));
        assert_eq!((row, same.anchors.size()[0]), (1, 2));
        let (more, row) = bank.with(&Tensor::from_slice(&[2f32, 1.0]).view([1, 2]));
        assert_eq!((row, more.anchors.size()[0]), (2, 3));
        assert_eq!(Vec::<f32>::try_from(more.weights.unwrap()).unwrap(), [0.75, 0.25, 0.5]);
    }

    #[test]
    fn what_was_never_counted_has_a_zone_and_equal_counts_have_no_weights() {
        assert!(shares(&[4, 4, 4]).is_none() && shares(&[]).is_none());
        let rare = Vec::<f32>::try_from(shares(&[3, 0]).unwrap()).unwrap();
        assert_eq!(rare, [0.75, 0.25]);
    }
}
