//! `simclr`: the two views of an image against all other views of the batch.

use tch::{Kind, Tensor};

use super::{Loss, Objective, StepContext, contrast, unit};
use crate::TaskError;
use crate::model::Lzn;

/// SimCLR (Chen et al. 2020, "A simple framework for contrastive learning of visual representations"): cross-entropy of finding an
/// image's other view among the `2B - 1` other views of the batch (of all workers), by the cosine between anchors. A yardstick of view alignment, which
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
        let world = context.world();
        let views = unit(&Tensor::cat(&[first, second], 0));
        let all = match world.is_alone() {
            true => views.shallow_clone(),
            false => unit(&Tensor::cat(&[world.gather_rows(first)?, world.gather_rows(second)?], 0)),
        };
        let (here, everywhere) = (first.size()[0], all.size()[0] / 2);
        // Places among all views: first views of all images, then their second views.
        let first = Tensor::arange(here, (Kind::Int64, views.device())) + world.first_row(here);
        let (own, partner) = (Tensor::cat(&[&first, &(&first + everywhere)], 0), [&(&first + everywhere), &first]);
        let itself = own.unsqueeze(1).eq_tensor(&Tensor::arange(2 * everywhere, (Kind::Int64, views.device())));
        let scores = (views.matmul(&all.transpose(0, 1)) / self.temperature).masked_fill(&itself, f64::NEG_INFINITY);
        Ok(contrast(&scores, &Tensor::cat(&partner, 0)))
    }
}
