//! Samples among the anchors that cut the prior.

use tch::{Kind, Tensor};

/// The anchors that are present, and whose is whose.
#[derive(Debug)]
pub struct Placed {
    /// Anchors `[N, d]`, one per zone.
    pub anchors: Tensor,
    /// Row of every sample's anchor, `[B]` int64; none where sample i has row i.
    owners: Option<Tensor>,
    /// Whether these are the anchors of all values that the type has.
    pub complete: bool,
}

impl Placed {
    /// Every sample has a zone of its own, as images have: anchors `[B, d]`.
    pub fn each(anchors: Tensor) -> Self {
        Self { anchors, owners: None, complete: false }
    }

    /// Equal samples share a zone, as equal texts do: anchors `[N, d]` of what is different, and the row of every sample, `[B]` int64.
    pub fn shared(anchors: Tensor, owners: Tensor) -> Self {
        Self { anchors, owners: Some(owners), complete: false }
    }

    /// Zones of all values that there are, as labels have: they do not depend on which samples are present. Anchors `[N, d]`, and
    /// the row of every sample, `[B]` int64.
    pub fn table(anchors: Tensor, owners: Tensor) -> Self {
        Self { anchors, owners: Some(owners), complete: true }
    }

    /// Row of every sample's anchor, `[B]` int64.
    pub fn owners(&self) -> Tensor {
        match &self.owners {
            Some(owners) => owners.shallow_clone(),
            None => Tensor::arange(self.anchors.size()[0], (Kind::Int64, self.anchors.device())),
        }
    }

    /// Share of the samples in each zone, `[N]`; none where every sample has its own. Zones that weigh so much leave the latents of
    /// all samples together distributed as the prior.
    pub fn weights(&self) -> Option<Tensor> {
        self.owners.as_ref().map(|owners| {
            let counts = owners.bincount(None::<&Tensor>, self.anchors.size()[0]).to_kind(Kind::Float);
            &counts / owners.numel() as f64
        })
    }

    /// Those of the samples at these places, `[n]` int64. Of samples that have a zone each, the others' zones are left out; where
    /// zones are shared, those without a sample weigh nothing.
    #[must_use]
    pub fn of_samples(&self, places: &Tensor) -> Self {
        match &self.owners {
            None => Self::each(self.anchors.index_select(0, places)),
            Some(owners) => Self {
                anchors: self.anchors.shallow_clone(),
                owners: Some(owners.index_select(0, places)),
                complete: self.complete,
            },
        }
    }

    /// The anchor of every sample, `[B, d]`.
    pub fn own(&self) -> Tensor {
        match &self.owners {
            None => self.anchors.shallow_clone(),
            Some(owners) => self.anchors.index_select(0, owners),
        }
    }

    /// The same with other anchors in the place of these.
    #[must_use]
    pub(crate) fn with_anchors(self, anchors: Tensor) -> Self {
        Self { anchors, ..self }
    }

    /// Another handle on the same.
    #[must_use]
    pub(crate) fn share(&self) -> Self {
        Self {
            anchors: self.anchors.shallow_clone(),
            owners: self.owners.as_ref().map(Tensor::shallow_clone),
            complete: self.complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_without_samples_weighs_nothing() {
        let anchors = Tensor::zeros([4, 2], (Kind::Float, tch::Device::Cpu));
        let placed = Placed::table(anchors, Tensor::from_slice(&[2_i64, 2, 0, 2, 2, 2]));
        let weights = |placed: &Placed| Vec::<f32>::try_from(placed.weights().unwrap()).unwrap();
        let all = weights(&placed);
        assert_eq!((all[1], all[3]), (0.0, 0.0));
        assert!((all[2] - 5.0 / 6.0).abs() < 1e-6 && (all.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(weights(&placed.of_samples(&Tensor::from_slice(&[0_i64, 1]))), [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn the_zones_of_samples_that_are_left_out_are_gone_where_each_has_its_own() {
        let placed = Placed::each(Tensor::from_slice(&[1f32, 2.0, 3.0]).view([3, 1]));
        assert!(placed.weights().is_none());
        let some = placed.of_samples(&Tensor::from_slice(&[2_i64, 0]));
        assert_eq!(some.anchors, Tensor::from_slice(&[3f32, 1.0]).view([2, 1]));
        assert_eq!(some.owners(), Tensor::from_slice(&[0_i64, 1]));
    }
}
