//! `classify(image)`: supervised learning, the yardstick of what the encoder can tell apart.

use tch::{Kind, Reduction, Tensor};

use super::{Loss, Objective, StepContext};
use crate::TaskError;
use crate::model::{IMAGE, LABEL, Lzn};

/// Cross-entropy of the true labels under the linear classifier on the image encoder, whose class vectors are the label anchors.
#[derive(Debug, Clone, Copy)]
pub struct ClassifyImages;

impl Objective for ClassifyImages {
    fn name(&self) -> String {
        "classify".to_owned()
    }

    fn applies(&self, _: &Lzn, context: &StepContext) -> bool {
        context.has(&[IMAGE, LABEL])
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let (pairs, anchors) = (context.pairs(&[IMAGE, LABEL])?, context.image_anchors(model)?);
        let anchors = match pairs.places(0, anchors.device()) {
            Some(places) => anchors.index_select(0, &places),
            None => anchors.shallow_clone(),
        };
        let labels = pairs.samples(1, context.field(LABEL)?.samples());
        let (scores, labels) = (model.label_scores(&anchors)?, labels.rows()?);
        let value = scores.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, 0.0);
        let right = scores.argmax(1, false).eq_tensor(labels).to_kind(Kind::Double);
        Ok(Loss { value, observed: vec![("accuracy/batch".to_owned(), right.mean(None).double_value(&[]))] })
    }
}
