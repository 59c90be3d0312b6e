//! Samples among the anchors that cut the prior.

use std::collections::HashMap;

use lzn_torch::dist::{Reduce, World};
use tch::{Device, Kind, Tensor};

use crate::TaskError;

/// The anchors that are present, and whose is whose.
#[derive(Debug)]
pub struct Placed {
    /// Anchors `[N, d]`, one per zone.
    pub anchors: Tensor,
    /// Row of every sample's anchor, `[B]` int64; none where sample i has row i.
    owners: Option<Tensor>,
    /// Whether samples share zones.
    shared: bool,
    /// Samples of all workers in each zone, `[N]` int64, and their number; none where those are the samples here.
    counts: Option<(Tensor, usize)>,
    /// What tells zones apart that samples share, one for each anchor.
    keys: Option<Vec<String>>,
    /// Whether these are the anchors of all values that the type has.
    pub complete: bool,
}

impl Placed {
    /// Every sample has a zone of its own, as images have: anchors `[B, d]`.
    pub fn each(anchors: Tensor) -> Self {
        Self { anchors, owners: None, shared: false, counts: None, keys: None, complete: false }
    }

    /// Every sample has a zone of its own, and only some samples are here: all anchors `[N, d]`, and the rows of those here, `[B]` int64.
    pub(crate) fn each_of(anchors: Tensor, owners: Tensor) -> Self {
        Self { owners: Some(owners), ..Self::each(anchors) }
    }

    /// Equal samples share a zone, as equal texts do: anchors `[N, d]` of what is different, and the row of every sample, `[B]` int64.
    pub fn shared(anchors: Tensor, owners: Tensor) -> Self {
        Self { anchors, owners: Some(owners), shared: true, counts: None, keys: None, complete: false }
    }

    /// Says what tells shared zones apart, such as the texts themselves, one key for each anchor: without, several workers cannot know
    /// which of their samples are equal.
    #[must_use]
    pub fn told_apart_by(self, keys: Vec<String>) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// Zones of all values that there are, as labels have: they do not depend on which samples are present. Anchors `[N, d]`, and
    /// the row of every sample, `[B]` int64.
    pub fn table(anchors: Tensor, owners: Tensor) -> Self {
        Self { complete: true, ..Self::shared(anchors, owners) }
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
        self.shared.then(|| {
            let here = || (self.counted(), self.owners().numel());
            let (counts, total) = self.counts.as_ref().map_or_else(here, |(all, total)| (all.shallow_clone(), *total));
            counts.to_kind(Kind::Float) / total as f64
        })
    }

    /// Samples here in each zone, `[N]` int64.
    fn counted(&self) -> Tensor {
        self.owners().bincount(None::<&Tensor>, self.anchors.size()[0])
    }

    /// Those of the samples at these places, `[n]` int64. Of samples that have a zone each, the others' zones are left out; where
    /// zones are shared, those without a sample weigh nothing.
    #[must_use]
    pub fn of_samples(&self, places: &Tensor) -> Self {
        match &self.owners {
            None => Self::each(self.anchors.index_select(0, places)),
            Some(owners) => Self { owners: Some(owners.index_select(0, places)), counts: None, ..self.share() },
        }
    }

    /// The samples of this worker among the anchors of all, which gradients flow back to; all workers have as many samples. The zones
    /// are those of one process that has all samples.
    ///
    /// # Errors
    /// [`TaskError::NotTold`] for zones that samples share, if the encoder does not say what tells them apart; [`TaskError::Torch`]
    /// when the exchange fails.
    pub(crate) fn among(self, world: &World, name: &str) -> Result<Self, TaskError> {
        if world.is_alone() {
            return Ok(self);
        }
        if self.complete {
            return self.with_counts_of(world);
        }
        match self.keys.clone() {
            Some(keys) => self.with_equal_ones_of(world, &keys),
            None if self.shared => Err(TaskError::NotTold { name: name.to_owned() }),
            None => {
                let count = self.anchors.size()[0];
                let owners = Tensor::arange(count, (Kind::Int64, self.anchors.device())) + world.first_row(count);
                Ok(Self { owners: Some(owners), anchors: world.gather_rows(&self.anchors)?, ..self })
            }
        }
    }

    fn with_counts_of(self, world: &World) -> Result<Self, TaskError> {
        // In main memory, where sums of integers are exact with every backend.
        let here = self.counted().to_device(Device::Cpu);
        let counts = world.reduced(&here, Reduce::Sum).map_err(lzn_torch::TorchError::from)?;
        let total = self.owners().numel() * world.size();
        Ok(Self { counts: Some((counts.to_device(self.anchors.device()), total)), ..self })
    }

    /// Zones in the order in which one process meets their samples. Of an anchor that several workers have, the first counts.
    fn with_equal_ones_of(self, world: &World, keys: &[String]) -> Result<Self, TaskError> {
        let device = self.anchors.device();
        let own = serde_json::to_vec(keys).unwrap_or_default();
        let all = world.gather_bytes(&own).map_err(lzn_torch::TorchError::from)?;
        let all: Vec<Vec<String>> = all.iter().map(|keys| serde_json::from_slice(keys).unwrap_or_default()).collect();
        let longest = all.iter().map(Vec::len).max().unwrap_or(0);
        let (mut zones, mut rows) = (HashMap::new(), Vec::new());
        for (rank, keys) in all.iter().enumerate() {
            for (row, key) in keys.iter().enumerate() {
                zones.entry(key.as_str()).or_insert_with(|| {
                    rows.push((rank * longest + row) as i64);
                    rows.len() as i64 - 1
                });
            }
        }
        let missing = longest as i64 - self.anchors.size()[0];
        let padded = self.anchors.constant_pad_nd([0, 0, 0, missing]);
        let anchors = world.gather_rows(&padded)?.index_select(0, &Tensor::from_slice(&rows).to_device(device));
        let places: Vec<i64> = keys.iter().filter_map(|key| zones.get(key.as_str()).copied()).collect();
        let owners = Tensor::from_slice(&places).to_device(device).index_select(0, &self.owners());
        Self { anchors, owners: Some(owners), keys: None, ..self }.with_counts_of(world)
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
            shared: self.shared,
            counts: self.counts.as_ref().map(|(counts, total)| (counts.shallow_clone(), *total)),
            keys: self.keys.clone(),
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
