//! `align(image -> label)`: the latents of images flow back to the anchors of their labels.

use lzn_torch::zones::{self, Zones, alignment};

use super::{Loss, Objective, StepContext};
use crate::TaskError;
use crate::config::LossForm;
use crate::model::Lzn;

/// Raises the probability that each image's latent is assigned to its label's zone (paper, Equations 2 and 5).
#[derive(Debug, Clone, Copy)]
pub struct AlignImageToLabel {
    /// Share of the early reverse steps that do not count.
    pub cut_off: f64,
    /// Which function of the probability is raised.
    pub form: LossForm,
    /// Whether a label's zone weighs as much as the label's share of the batch.
    pub class_weights: bool,
}

impl Objective for AlignImageToLabel {
    fn name(&self) -> String {
        "align/image-label".to_owned()
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let anchors = model.label_anchors()?;
        let latents = context.image_latents(model)?;
        let weights = self.class_weights.then(|| context.class_weights(model.classes));
        let zones = Zones { anchors: &anchors, weights: weights.as_ref() };
        let assignment = zones::to_anchors(&model.label_flow, latents, &zones, &context.labels)?;
        let value = match self.form {
            LossForm::Probability => alignment::probability_loss(&assignment.own_log_probs, self.cut_off),
            LossForm::Log => alignment::log_loss(&assignment.own_log_probs, self.cut_off),
        };
        let decided = tch::no_grad(|| zones::nearest(&assignment.end_points, &anchors));
        let accuracy = decided.eq_tensor(&context.labels).to_kind(tch::Kind::Double).mean(None).double_value(&[]);
        Ok(Loss { value, observed: vec![("accuracy/batch".to_owned(), accuracy)] })
    }
}
