//! What a flow depends on, and how gradients go back there.

use tch::{Device, Kind, Tensor};

use super::Zones;
use crate::autograd::records;

/// The inputs of one operation, in the order of its gradients: anchors, points, weights.
pub(super) struct Inputs<'a>(Vec<&'a Tensor>);

impl<'a> Inputs<'a> {
    pub(super) fn new(zones: &Zones<'a>, points: &'a Tensor) -> Self {
        Self([Some(zones.anchors), Some(points), zones.weights].into_iter().flatten().collect())
    }

    /// What autograd must see.
    pub(super) fn tensors(&self) -> &[&'a Tensor] {
        &self.0
    }

    /// Whether anything of the way has to be kept.
    pub(super) fn record(&self) -> bool {
        records(&self.0)
    }

    pub(super) fn returns(&self) -> Returns {
        let weights = self.0.get(2).map(|weights| weights.detach());
        let (kinds, shapes) = self.0.iter().map(|input| (input.kind(), input.size())).unzip();
        Returns { weights, kinds, shapes }
    }
}

/// How gradients are given back.
pub(super) struct Returns {
    /// `[N]`, detached.
    pub(super) weights: Option<Tensor>,
    kinds: Vec<Kind>,
    shapes: Vec<Vec<i64>>,
}

impl Returns {
    /// Gradients of the inputs, all in main memory, where the cotangents are not finite: as of any operation of libtorch they are not finite
    /// either, and whoever trains skips the step.
    pub(super) fn not_finite(&self) -> Vec<Option<Tensor>> {
        let nan = |(shape, kind): (&Vec<i64>, &Kind)| Some(Tensor::full(shape, f64::NAN, (*kind, Device::Cpu)));
        self.shapes.iter().zip(&self.kinds).map(nan).collect()
    }

    /// Gradients in the order and the kinds of the inputs, from those of anchors, points and logarithms of the weights; that of a
    /// weight is that of its logarithm divided by the weight.
    pub(super) fn in_order(&self, anchors: Tensor, points: Tensor, log_weights: &Tensor) -> Vec<Option<Tensor>> {
        let weights = self.weights.as_ref().map(|weights| {
            let empty = weights.le(0.0);
            (log_weights / weights.masked_fill(&empty, 1.0)).masked_fill(&empty, 0.0)
        });
        let all = [Some(anchors), Some(points), weights].into_iter().flatten();
        all.zip(&self.kinds).map(|(gradient, kind)| Some(gradient.to_kind(*kind))).collect()
    }
}
