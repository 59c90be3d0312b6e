//! `align(image -> view)`: the latents of images flow back to the anchors of their second views.

use lzn_latent::ZoneFlow;
use lzn_torch::zones::{self, Zones, alignment};
use tch::Tensor;

use super::{Loss, Objective, StepContext, centred, root_mean_square};
use crate::TaskError;
use crate::config::LossForm;
use crate::model::{IMAGE, Lzn};
use crate::types::Placed;

/// Raises the probability that each image's latent is assigned to the zone of the same image's second view, among the second
/// views of the whole batch (paper, Equation 5 and Appendix D): representation learning without labels.
///
/// Both flows are the model's image flow. Gradients reach the encoder through both views.
#[derive(Debug, Clone, Copy)]
pub struct AlignViews {
    /// Scale alpha of the noise of the latents; below 1 they keep to the middle of their zones.
    pub noise_scale: f64,
    /// Share of the early reverse steps that do not count.
    pub cut_off: f64,
    /// Which function of the probability is raised.
    pub form: LossForm,
}

impl AlignViews {
    /// Published scale of the latents' noise (paper, Appendix D.3).
    pub const PUBLISHED_NOISE_SCALE: f64 = 0.45;
}

impl Objective for AlignViews {
    fn name(&self) -> String {
        "align/image-view".to_owned()
    }

    fn applies(&self, _: &Lzn, context: &StepContext) -> bool {
        context.has(&[IMAGE])
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        // In this order networks with dropout draw for the second view first, as they always have.
        let (second, first) = (context.second_placed(model, IMAGE)?, context.placed(model, IMAGE)?);
        let latents = context.latents_at(model, IMAGE, self.noise_scale)?;
        let zones = Zones { anchors: &second.anchors, weights: None };
        let flow = model.image_flow()?;
        let assigned = context.assigned(flow, &latents, (&zones, &second.owners()))?.own_log_probs;
        let value = match self.form {
            LossForm::Probability => alignment::probability_loss(&assigned, self.cut_off),
            LossForm::Log => alignment::log_loss(&assigned, self.cut_off),
        };
        let best = tch::no_grad(|| -alignment::probability_loss(&assigned, self.cut_off)).double_value(&[]);
        let last = alignment::final_accuracy(&assigned).double_value(&[]);
        let error = context.tolerated(ode_error(flow, &latents, first), || f64::NAN)?;
        let observed = vec![
            ("assignment_accuracy/views".to_owned(), last),
            ("best_probability/views".to_owned(), best),
            ("ode_error/views".to_owned(), error),
        ];
        Ok(Loss { value, observed })
    }
}

/// Latents whose way back is looked at in every step.
const SAMPLED: i64 = 64;

/// The error of both flows one after the other: the root of the mean square distance of latents `[B, d]` that flow back over the zones that they
/// are from to their own anchors, as a share of what anchors have to their mean. Exact flows come back to them, with 0.
fn ode_error(flow: &ZoneFlow, latents: &Tensor, placed: &Placed) -> Result<f64, TaskError> {
    tch::no_grad(|| {
        let zones = Zones { anchors: &placed.anchors, weights: None };
        let count = SAMPLED.min(latents.size()[0]);
        let ends = zones::end_points(flow, &latents.narrow(0, 0, count), &zones)?;
        let spread = root_mean_square(&centred(&placed.anchors)).max(f64::MIN_POSITIVE);
        Ok(root_mean_square(&(ends - placed.own().narrow(0, 0, count))) / spread)
    })
}
