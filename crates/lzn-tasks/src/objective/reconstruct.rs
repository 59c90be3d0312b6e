//! `reconstruct(a)`: the decoder of a type gives back samples from their latents.

use lzn_torch::autograd::sum_of_pieces;
use tch::Tensor;

use super::{Loss, Objective, StepContext};
use crate::TaskError;
use crate::model::Lzn;
use crate::run::signals;
use crate::types::{Decoder, Given, Reads, Samples};

/// The decoder's own loss of the samples of a type, given their latents. The gradient reaches the encoder through them. Of images
/// this is the Rectified Flow (paper, Section 2), conditional on latents or plain; of texts it is the cross-entropy of each next token.
///
/// With a [`Lzn::micro_batch`] each so many samples have their forward and backward pass at once, and the gradients of their latents
/// wait for the encoder.
#[derive(Debug, Clone)]
pub struct Reconstruct {
    /// The data type.
    pub of: String,
    /// The name under which the loss is recorded.
    pub name: String,
}

/// What the samples that take part are, and what is drawn for them.
struct Batch<'a> {
    decoder: &'a dyn Decoder,
    samples: Samples,
    condition: Option<Samples>,
    drawn: Vec<Tensor>,
    /// Place of the first sample among those of all workers.
    place: i64,
}

impl Reconstruct {
    fn batch<'a>(&self, model: &'a Lzn, context: &StepContext) -> Result<(Batch<'a>, Option<Tensor>), TaskError> {
        let decoder = model.data_type(&self.of)?.decoder(None)?;
        let field = context.field(&self.of)?;
        let types: Vec<&str> = [self.of.as_str()].into_iter().chain(decoder.condition()).collect();
        let pairs = context.pairs(&types)?;
        let chosen = pairs.places(0, model.device());
        let rows = |tensor: &Tensor| match &chosen {
            Some(places) => tensor.index_select(0, places),
            None => tensor.shallow_clone(),
        };
        let condition = match decoder.condition() {
            Some(other) => Some(pairs.samples(1, context.field(other)?.samples())),
            None => None,
        };
        let points = match decoder.reads() {
            Reads::Latent => Some(rows(context.latents(model, &self.of)?)),
            Reads::Anchor => Some(rows(&context.placed_here(model, &self.of)?.own())),
            Reads::Nothing => None,
        };
        let drawn = decoder.draw(field.samples(), &context.draws)?.iter().map(rows).collect();
        let samples = pairs.samples(0, field.samples());
        let place = context.world().first_row(samples.len() as i64);
        Ok((Batch { decoder, samples, condition, drawn, place }, points))
    }
}

impl Batch<'_> {
    /// The mean over `count` samples from the `first` on.
    fn loss(&self, points: Option<&Tensor>, (first, count): (i64, i64)) -> Result<Tensor, TaskError> {
        signals::check()?;
        let rows = |tensor: &Tensor| tensor.narrow(0, first, count);
        let (start, length) = (first as usize, count as usize);
        let given = Given {
            numbers: (0..count).map(|row| (self.place + first + row) as u64).collect(),
            points: points.map(rows),
            condition: self.condition.as_ref().map(|samples| samples.narrow(start, length)),
        };
        let drawn: Vec<Tensor> = self.drawn.iter().map(rows).collect();
        let loss = self.decoder.loss(&self.samples.narrow(start, length), &given, &drawn);
        loss.unwrap_or(Err(TaskError::NothingToLearn))
    }
}

impl Objective for Reconstruct {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn applies(&self, model: &Lzn, context: &StepContext) -> bool {
        let decoder = model.data_type(&self.of).and_then(|data_type| data_type.decoder(None));
        let condition = decoder.as_ref().ok().and_then(|decoder| decoder.condition());
        let types: Vec<&str> = [self.of.as_str()].into_iter().chain(condition).collect();
        context.has(&types)
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let (batch, points) = self.batch(model, context)?;
        let samples = batch.samples.len() as i64;
        let value = match model.micro_batch_of(samples) {
            None => model.in_precision(|| batch.loss(points.as_ref(), (0, samples)))?,
            Some(size) => {
                let parts = batch.decoder.parts();
                let parameters: Vec<_> = parts.iter().flat_map(|(_, params)| params.root().trainable()).collect();
                let inputs: Vec<&Tensor> = points.iter().collect();
                let pieces = (0..samples).step_by(size as usize).map(|first| (first, size.min(samples - first)));
                // Each piece has its backward pass at once, so that the scale of the loss has to be in it.
                let scale = model.loss_scale;
                let sum = sum_of_pieces("reconstruct", &inputs, &parameters, pieces, |rows, inputs| {
                    let share = rows.1 as f64 / samples as f64;
                    let loss = model.in_precision(|| batch.loss(inputs.first(), rows))? * share;
                    Ok::<_, TaskError>(if scale == 1.0 { loss } else { loss * scale })
                })?;
                if scale == 1.0 { sum } else { sum / scale }
            }
        };
        Ok(Loss { value, observed: Vec::new() })
    }
}
