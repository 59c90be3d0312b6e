//! `simclr`: the two views of an image against all other views of the batch.

use tch::{Kind, Tensor};

use super::{Loss, Objective, StepContext, contrast, unit};
use crate::TaskError;
use crate::model::Lzn;

/// SimCLR (Chen et al. 2020, "A simple framework for contrastive learning of visual representations"): cross-entropy of finding an
/// image's other view among the `2B - 1` other views of the batch, by the cosine between anchors. A yardstick of view alignment, which
/// sees the same views and the same encoder; the encoder's head takes the part of the paper's projection.
#[derive(Debug, Clone, Copy)]
pub struct SimClr {
    /// Temperature tau by which cosines are divided, above 0.
    pub temperature: f64,
}

impl SimClr {
    /// Published for ImageNet; for CIFAR-10 it was 0.5 (Chen et al. 2020, appendices B.6 and B.9).
    pub const PUBLISHED_TEMPERATURE: f64 = 0.1;
}

impl Objective for SimClr {
    fn name(&self) -> String {
        "simclr".to_owned()
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let (first, second) = (context.image_anchors(model)?, context.second_anchors(model)?);
        let views = unit(&Tensor::cat(&[first, second], 0));
        let count = views.size()[0];
        let own = Tensor::eye(count, (Kind::Bool, views.device()));
        let scores = (views.matmul(&views.transpose(0, 1)) / self.temperature).masked_fill(&own, f64::NEG_INFINITY);
        let partner = Tensor::arange(count, (Kind::Int64, views.device())).roll([count / 2], [0]);
        Ok(contrast(&scores, &partner))
    }
}
