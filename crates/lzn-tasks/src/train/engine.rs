//! The mathematics of one training step: losses, one backward pass, clipping over all parts, Adam and EMA per part.

use std::time::{Duration, Instant};

use lzn_torch::{Precision, zones};
use tch::{Kind, Tensor};

use super::gradients::SharedGradients;
use super::stage::{Stage, within};
use super::{Adam, Ema, Scaler, StepTimes};
use crate::TaskError;
use crate::config::{PartConfig, RunConfig, Schedule, TrainConfig};
use crate::model::Lzn;
use crate::objective::{Loss, Objective, StepContext};
use crate::run::signals;
use crate::types::PartName;
use crate::wiring;

/// One part with everything that its training needs.
#[derive(Debug)]
pub struct PartState {
    /// Which part.
    pub name: PartName,
    /// Its optimizer.
    pub adam: Adam,
    /// Its moving average.
    pub ema: Ema,
    config: PartConfig,
}

impl PartState {
    /// Whether the part still learns at this step.
    pub fn learns_at(&self, step: u64) -> bool {
        self.config.freeze_at.is_none_or(|end| step < end)
    }
}

/// What one step did.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// Named losses and rates: `loss`, one per objective, `grad_norm`, `lr/PART`.
    pub values: Vec<(String, f64)>,
    /// True if the loss or its gradient was not finite, so that nothing was changed.
    pub skipped: bool,
    /// What the parts of the step took; `data` is known to whoever made the batch.
    pub times: StepTimes,
    /// Bytes that were handed over to the other workers, which is known to whoever took the step with them.
    pub exchanged: u64,
}

/// One term of the loss.
pub struct Term {
    /// Factor in the total loss.
    pub weight: f64,
    /// How the factor changes with time.
    pub schedule: Schedule,
    /// What is minimised.
    pub objective: Box<dyn Objective>,
}

impl Term {
    /// A term that weighs the same all the time.
    pub fn new(weight: f64, objective: impl Objective + 'static) -> Self {
        Self { weight, schedule: Schedule::default(), objective: Box::new(objective) }
    }
}

/// Takes training steps on a model.
pub struct StepEngine {
    /// The model that is trained.
    pub model: Lzn,
    /// Training state of every part of the model.
    pub parts: Vec<PartState>,
    /// The scale of the loss, in training with float16.
    pub scaler: Option<Scaler>,
    objectives: Vec<Term>,
    train: TrainConfig,
    gradients: SharedGradients,
}

impl StepEngine {
    /// Wraps the model of a configuration with fresh optimizers, averages and objectives.
    ///
    /// # Errors
    /// [`TaskError`] if the model lacks a part that an objective starts from.
    pub fn new(model: Lzn, config: &RunConfig) -> Result<Self, TaskError> {
        let objectives = wiring::objectives(config, &model)?;
        Ok(Self::of(model, objectives, &config.train))
    }

    /// Wraps a model with fresh optimizers and averages for these terms of the loss.
    pub fn of(mut model: Lzn, objectives: Vec<Term>, train: &TrainConfig) -> Self {
        model.micro_batch = train.micro_batch;
        model.precision = train.precision.into();
        let scaler = (model.precision == Precision::Float16).then(Scaler::default);
        let part = |name: PartName, params: &lzn_torch::ParamStore| {
            let config = train.part(&name);
            let (adam, ema) = (Adam::new(params.trainable()), Ema::new(params.trainable(), config.ema_decay));
            PartState { name, adam, ema, config }
        };
        let parts = model.parts().into_iter().map(|(name, params)| part(name, &params)).collect();
        Self { model, parts, scaler, objectives, train: train.clone(), gradients: SharedGradients::default() }
    }

    /// Takes step number `step` (from 0) on one batch. Terms that the batch holds nothing for, or that do not count at this step, are left
    /// out. Of several workers all take the step at once, each on its share of the batch ([`StepContext::among`]); parameters and
    /// values are then the same in all, up to rounding those of one process.
    ///
    /// # Errors
    /// [`TaskError`] if libtorch refuses an operation; a loss or gradient that is not finite is no error, the step is skipped. As
    /// [`signals::check`]; then nothing was changed, and the step can be taken again.
    pub fn step(&mut self, step: u64, context: &StepContext) -> Result<StepReport, TaskError> {
        let (begin, encoder, zoning) = (Instant::now(), self.model.encoder_time.spent(), zones::time_spent());
        let mut backward = Duration::ZERO;
        for ((_, params), part) in self.model.parts().into_iter().zip(&mut self.parts) {
            params.set_frozen(!part.learns_at(step));
            part.adam.zero_gradients();
        }
        let scale = self.scaler.map_or(1.0, |scaler| scaler.scale());
        self.model.loss_scale = scale;
        let (mut losses, mut observed) = (vec![("loss".to_owned(), f64::NAN)], Vec::new());
        let mut total = Tensor::from(0f32).to_device(self.model.device());
        for Term { weight, schedule, objective } in &self.objectives {
            let factor = schedule.factor(step);
            signals::check()?;
            if factor == 0.0 || !objective.applies(&self.model, context) {
                continue;
            }
            let name = objective.name();
            let loss = match within(Stage::Device, &name, || objective.loss(&self.model, context)) {
                // A step like any other whose loss is not finite.
                Err(error) if error.is_without_zones() => {
                    Loss { value: Tensor::from(f32::NAN).to_device(self.model.device()), observed: Vec::new() }
                }
                other => other?,
            };
            total += &loss.value * (*weight * factor);
            losses.push((name, loss.value.double_value(&[])));
            observed.extend(loss.observed);
        }
        losses[0].1 = total.double_value(&[]);
        let mut values = context.shared(losses)?;
        let mut norm = f64::NAN;
        // The loss of all workers, so that none leaves out what another does.
        let finite = values[0].1.is_finite();
        // Where a loss is none, a worker may have nothing to say beside it.
        values.extend(if finite { context.shared(observed)? } else { observed });
        if finite {
            if total.requires_grad() {
                let scaled = if scale == 1.0 { total } else { total * scale };
                self.prepare_gradients(step, context, &scaled)?;
                let (begin, zoning) = (Instant::now(), zones::time_spent());
                // An error of pieces of the pass comes through libtorch, which keeps its message alone.
                within(Stage::Device, "backward", || scaled.f_backward()).map_err(|error| {
                    signals::check().map_or_else(TaskError::from, |()| self.gradients.explained(error))
                })?;
                self.gradients.finish();
                backward = begin.elapsed() - (zones::time_spent() - zoning);
            }
            norm = self.gradient_norm() / scale;
        }
        values.push(("grad_norm".to_owned(), norm));
        let skipped = !norm.is_finite();
        if let Some(scaler) = &mut self.scaler {
            values.push(("loss_scale".to_owned(), scale));
            scaler.update(!skipped);
        }
        if !skipped {
            within(Stage::Device, "update", || self.update(step, (norm, scale), &mut values));
            for term in &mut self.objectives {
                term.objective.after_step(&self.model)?;
            }
        }
        let (encoder, zoning) = (self.model.encoder_time.spent() - encoder, zones::time_spent() - zoning);
        let rest = begin.elapsed().saturating_sub(encoder + zoning + backward);
        let times = StepTimes { data: Duration::ZERO, encoder, zoning, backward, rest };
        Ok(StepReport { values, skipped, times, exchanged: 0 })
    }

    fn prepare_gradients(&mut self, step: u64, context: &StepContext, loss: &Tensor) -> Result<(), TaskError> {
        let learns = |part: &PartState| part.learns_at(step);
        let parts: Vec<_> = self.model.parts().into_iter().zip(&self.parts).collect();
        let parts: Vec<_> = parts.into_iter().map(|((_, params), part)| (params, learns(part))).collect();
        self.gradients.prepare(context.world(), &parts, loss)
    }

    /// Moves the parts that learn, by gradients of this norm that were multiplied by `loss_scale`.
    fn update(&mut self, step: u64, (norm, loss_scale): (f64, f64), values: &mut Vec<(String, f64)>) {
        // As published (torch's clip_grad_norm_): the small constant keeps a zero gradient from dividing by zero.
        let scale = (self.train.clip_norm / (norm + 1e-6)).min(1.0) / loss_scale;
        let factor = self.train.rate_factor(step);
        for part in self.parts.iter_mut().filter(|part| part.learns_at(step)) {
            let learning_rate = part.config.learning_rate * factor;
            part.adam.step(learning_rate, scale);
            part.ema.update();
            values.push((format!("lr/{}", part.name), learning_rate));
        }
    }

    fn gradient_norm(&self) -> f64 {
        let squares: Vec<Tensor> = self
            .parts
            .iter()
            .flat_map(|part| part.adam.gradients())
            .map(|gradient| gradient.square().sum(Kind::Double))
            .collect();
        if squares.is_empty() {
            return 0.0;
        }
        Tensor::stack(&squares, 0).sum(Kind::Double).sqrt().double_value(&[])
    }

    /// What objectives carry from step to step, as `NUMBER.NAME`; shares storage with their own.
    pub fn objective_state(&self) -> Vec<(String, Tensor)> {
        let named = |(number, term): (usize, &Term)| {
            term.objective.state().into_iter().map(move |(name, tensor)| (format!("{number}.{name}"), tensor))
        };
        self.objectives.iter().enumerate().flat_map(named).collect()
    }

    /// Runs `work` with the moving averages in the place of the parameters.
    ///
    /// # Errors
    /// Those of `work`; the parameters are put back in any case.
    pub fn with_averages<T>(&mut self, work: impl FnOnce(&Lzn) -> Result<T, TaskError>) -> Result<T, TaskError> {
        self.parts.iter_mut().for_each(|part| part.ema.swap());
        let result = tch::no_grad(|| work(&self.model));
        self.parts.iter_mut().for_each(|part| part.ema.swap());
        result
    }
}
