//! `rectified_flow(image)`: the velocity of images, given their latents.

use lzn_flow::RectifiedFlow;

use super::{Loss, Objective, StepContext};
use crate::TaskError;
use crate::model::Lzn;

/// Mean squared error of the decoder's velocity against `image - noise` on the straight path between them. With an image
/// encoder the decoder is given each image's latent, and the gradient reaches the encoder through it; without one this is the
/// plain Rectified Flow.
#[derive(Debug, Clone, Copy)]
pub struct ImageRectifiedFlow;

impl Objective for ImageRectifiedFlow {
    fn name(&self) -> String {
        "rectified_flow".to_owned()
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let latents = match model.encoder {
            Some(_) => Some(context.image_latents(model)?),
            None => None,
        };
        let field = model.velocity_field(latents, Some(&context.labels), true)?;
        let value = RectifiedFlow::default().loss(
            &field,
            &context.images,
            &context.draws.flow_noise,
            &context.draws.flow_time,
        )?;
        Ok(Loss { value, observed: Vec::new() })
    }
}
