//! Adam with a state that can be saved: tch's own optimizers neither save nor load theirs.

use std::collections::HashMap;

use lzn_torch::TorchError;
use tch::Tensor;

/// Adam (Kingma and Ba 2015) with the published constants: beta 0.9 and 0.999, epsilon 1e-8, no weight decay.
#[derive(Debug)]
pub struct Adam {
    slots: Vec<Slot>,
    updates: i32,
}

#[derive(Debug)]
struct Slot {
    name: String,
    parameter: Tensor,
    mean: Tensor,
    square: Tensor,
}

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl Adam {
    /// An optimizer of these named parameters, with zero moments.
    pub fn new(parameters: Vec<(String, Tensor)>) -> Self {
        let slot = |(name, parameter): (String, Tensor)| {
            let zeros = || parameter.detach().zeros_like();
            Slot { mean: zeros(), square: zeros(), name, parameter }
        };
        Self { slots: parameters.into_iter().map(slot).collect(), updates: 0 }
    }

    /// Updates so far.
    pub fn updates(&self) -> i32 {
        self.updates
    }

    /// Says how many updates led to the present moments, where those came from elsewhere.
    pub(super) fn set_updates(&mut self, updates: i32) {
        self.updates = updates;
    }

    /// The gradients that the last backward pass left; parameters that it did not reach have none.
    pub fn gradients(&self) -> Vec<Tensor> {
        self.slots.iter().map(|slot| slot.parameter.grad()).filter(Tensor::defined).collect()
    }

    /// Forgets all gradients.
    pub fn zero_gradients(&mut self) {
        for slot in &mut self.slots {
            slot.parameter.zero_grad();
        }
    }

    /// Moves every parameter that has a gradient. Gradients are multiplied by `scale` first, which is how clipping arrives.
    pub fn step(&mut self, learning_rate: f64, scale: f64) {
        self.updates += 1;
        let bias_1 = 1.0 - BETA_1.powi(self.updates);
        let bias_2 = 1.0 - BETA_2.powi(self.updates);
        tch::no_grad(|| {
            for slot in &mut self.slots {
                let gradient = slot.parameter.grad();
                if !gradient.defined() {
                    continue;
                }
                let gradient = gradient * scale;
                let _ = slot.mean.lerp_(&gradient, 1.0 - BETA_1);
                let _ = slot.square.lerp_(&gradient.square(), 1.0 - BETA_2);
                let step = (&slot.square / bias_2).sqrt_().g_add_scalar_(EPSILON).reciprocal_() * &slot.mean;
                let _ = slot.parameter.g_sub_(&(step * (learning_rate / bias_1)));
            }
        });
    }

    /// The moments by name (`NAME.mean`, `NAME.square`); they share storage with the optimizer's own.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.slots
            .iter()
            .flat_map(|s| {
                [
                    (format!("{}.mean", s.name), s.mean.shallow_clone()),
                    (format!("{}.square", s.name), s.square.shallow_clone()),
                ]
            })
            .collect()
    }

    /// Restores what [`Adam::state`] and [`Adam::updates`] gave.
    ///
    /// # Errors
    /// [`TorchError::Weights`] names every moment that is missing or of another shape; then nothing was changed.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>, updates: i32) -> Result<(), TorchError> {
        super::copy_all(&self.state(), state)?;
        self.updates = updates;
        Ok(())
    }
}
