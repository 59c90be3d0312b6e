//! `align(a -> b)`: the latents of one data type flow back to the anchors of another.

use lzn_torch::zones::{self, Zones, alignment};
use tch::{Kind, Tensor};

use super::{Loss, Objective, StepContext};
use crate::TaskError;
use crate::config::LossForm;
use crate::model::Lzn;

/// Raises the probability that the latent of each sample of one type is assigned to the zone of the same sample's other type (paper,
/// Equations 2 and 5).
///
/// Samples that lack one of the types take no part, and the zones of the target are those of the samples that do; where the source's
/// zones are cut by its samples, all that are in the batch cut them.
#[derive(Debug, Clone)]
pub struct Align {
    /// Whose latents move.
    pub from: String,
    /// Over whose zones they are assigned.
    pub to: String,
    /// Whether the other direction counts as well: the loss is the mean of both.
    pub symmetric: bool,
    /// Scale alpha of the noise of the latents: 1 fills their zones, as the prior does; below 1 they keep to the middle.
    pub noise_scale: f64,
    /// Share of the early reverse steps that do not count.
    pub cut_off: f64,
    /// Which function of the probability is raised.
    pub form: LossForm,
    /// Whether a zone that several samples share weighs as much as they are of the batch.
    pub class_weights: bool,
    /// The name under which the share of samples is recorded that end at their own anchor.
    pub observed: String,
}

impl Align {
    /// The latents of one type, `[B, d]`: those of the other objectives, unless their noise has a scale of its own.
    fn latents(&self, model: &Lzn, context: &StepContext, name: &str) -> Result<Tensor, TaskError> {
        if self.noise_scale == 1.0 {
            return Ok(context.latents(model, name)?.shallow_clone());
        }
        context.latents_at(model, name, self.noise_scale)
    }

    /// Loss and share of right assignments of one direction.
    fn direction(&self, model: &Lzn, context: &StepContext, from: &str, to: &str) -> Result<(Tensor, f64), TaskError> {
        let pairs = context.pairs(&[from, to])?;
        let (latents, placed) = (self.latents(model, context, from)?, context.placed(model, to)?);
        let latents = match pairs.places(0, latents.device()) {
            Some(places) => latents.index_select(0, &places),
            None => latents,
        };
        let placed = pairs.placed(1, placed);
        let (owners, weights) = (placed.owners(), placed.weights().filter(|_| self.class_weights));
        let zones = Zones { anchors: &placed.anchors, weights: weights.as_ref() };
        let assignment = context.assigned(model.data_type(to)?.flow(), &latents, (&zones, &owners))?;
        let value = match self.form {
            LossForm::Probability => alignment::probability_loss(&assignment.own_log_probs, self.cut_off),
            LossForm::Log => alignment::log_loss(&assignment.own_log_probs, self.cut_off),
        };
        let decided = tch::no_grad(|| zones::nearest(&assignment.end_points, &placed.anchors));
        let accuracy = decided.eq_tensor(&owners).to_kind(Kind::Double).mean(None).double_value(&[]);
        Ok((value, accuracy))
    }
}

impl Objective for Align {
    fn name(&self) -> String {
        format!("align/{}-{}", self.from, self.to)
    }

    fn applies(&self, _: &Lzn, context: &StepContext) -> bool {
        context.has(&[&self.from, &self.to])
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let (value, accuracy) = self.direction(model, context, &self.from, &self.to)?;
        let observed = vec![(self.observed.clone(), accuracy)];
        if !self.symmetric {
            return Ok(Loss { value, observed });
        }
        let (back, of_back) = self.direction(model, context, &self.to, &self.from)?;
        let there = (self.observed.clone(), accuracy);
        let observed = vec![there, (format!("accuracy/{}-{}", self.to, self.from), of_back)];
        Ok(Loss { value: (value + back) * 0.5, observed })
    }
}
