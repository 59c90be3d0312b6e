//! `classify(image)`: supervised learning, the yardstick of what the encoder can tell apart.

use tch::{Kind, Reduction, Tensor};

use super::{Loss, Objective, StepContext};
use crate::TaskError;
use crate::model::Lzn;

/// Cross-entropy of the true labels under the linear classifier on the image encoder, whose class vectors are the label anchors.
#[derive(Debug, Clone, Copy)]
pub struct ClassifyImages;

impl Objective for ClassifyImages {
    fn name(&self) -> String {
        "classify".to_owned()
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let scores = model.label_scores(context.image_anchors(model)?)?;
        let value = scores.cross_entropy_loss(&context.labels, None::<&Tensor>, Reduction::Mean, -100, 0.0);
        let right = scores.argmax(1, false).eq_tensor(&context.labels).to_kind(Kind::Double);
        Ok(Loss { value, observed: vec![("accuracy/batch".to_owned(), right.mean(None).double_value(&[]))] })
    }
}
