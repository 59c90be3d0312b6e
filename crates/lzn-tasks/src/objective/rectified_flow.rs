//! `rectified_flow(image)`: the velocity of images, given their latents.

use lzn_flow::RectifiedFlow;
use lzn_torch::autograd::sum_of_pieces;
use tch::Tensor;

use super::{Loss, Objective, StepContext};
use crate::TaskError;
use crate::model::Lzn;

/// Mean squared error of the decoder's velocity against `image - noise` on the straight path between them. With an image
/// encoder the decoder is given each image's latent, and the gradient reaches the encoder through it; without one this is the
/// plain Rectified Flow.
///
/// With a [`Lzn::micro_batch`] each so many images have their forward and backward pass at once, and the gradients of their latents
/// wait for the encoder.
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
        let images = context.images.size()[0];
        let value = match model.micro_batch_of(images) {
            None => loss_of(model, context, latents, (0, images))?,
            Some(size) => {
                let parameters = model.decoder.as_ref().map(|decoder| decoder.params.root().trainable());
                let inputs: Vec<&Tensor> = latents.into_iter().collect();
                let pieces = (0..images).step_by(size as usize).map(|first| (first, size.min(images - first)));
                sum_of_pieces("rectified_flow", &inputs, &parameters.unwrap_or_default(), pieces, |rows, inputs| {
                    let share = rows.1 as f64 / images as f64;
                    Ok::<_, TaskError>(loss_of(model, context, inputs.first(), rows)? * share)
                })?
            }
        };
        Ok(Loss { value, observed: Vec::new() })
    }
}

/// The mean over `count` images from the `first` on.
fn loss_of(
    model: &Lzn,
    context: &StepContext,
    latents: Option<&Tensor>,
    (first, count): (i64, i64),
) -> Result<Tensor, TaskError> {
    let rows = |tensor: &Tensor| tensor.narrow(0, first, count);
    let latents = latents.map(rows);
    // Without labels there is an empty tensor in their place.
    let labels = model.label_conditional.then(|| rows(&context.labels));
    let field = model.velocity_field(latents.as_ref(), labels.as_ref(), true)?;
    let draws = &context.draws;
    let (noise, time) = (rows(&draws.flow_noise), rows(&draws.flow_time));
    Ok(RectifiedFlow::default().loss(&field, &rows(&context.images), &noise, &time)?)
}
