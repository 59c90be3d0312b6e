//! The exponential moving average of a part's parameters.

use std::collections::HashMap;

use lzn_torch::TorchError;
use tch::Tensor;

/// Exponential moving average with the published warm-up: at update k = 1, 2, ... the decay is `min(decay, (1 + k) / (10 + k))`.
#[derive(Debug)]
pub struct Ema {
    decay: f64,
    warm_up: bool,
    updates: u64,
    parameters: Vec<Tensor>,
    shadow: Vec<(String, Tensor)>,
}

impl Ema {
    /// Starts from the present values.
    pub fn new(parameters: Vec<(String, Tensor)>, decay: f64) -> Self {
        let shadow = parameters.iter().map(|(name, tensor)| (name.clone(), tensor.detach().copy())).collect();
        Self {
            decay,
            warm_up: true,
            updates: 0,
            parameters: parameters.into_iter().map(|(_, tensor)| tensor).collect(),
            shadow,
        }
    }

    /// Takes the full decay from the first update on.
    #[must_use]
    pub fn without_warm_up(self) -> Self {
        Self { warm_up: false, ..self }
    }

    /// Updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Says how many updates led to the present averages, where those came from elsewhere.
    pub(super) fn set_updates(&mut self, updates: u64) {
        self.updates = updates;
    }

    /// Moves the average towards the present values.
    pub fn update(&mut self) {
        self.updates += 1;
        let k = self.updates as f64;
        let decay = if self.warm_up { self.decay.min((1.0 + k) / (10.0 + k)) } else { self.decay };
        tch::no_grad(|| {
            for ((_, shadow), parameter) in self.shadow.iter_mut().zip(&self.parameters) {
                let _ = shadow.lerp_(parameter, 1.0 - decay);
            }
        });
    }

    /// The averages by parameter name; they share storage with this object's own.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.shadow.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    }

    /// Restores what [`Ema::state`] and [`Ema::updates`] gave.
    ///
    /// # Errors
    /// [`TorchError::Weights`] names every average that is missing or of another shape; then nothing was changed.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>, updates: u64) -> Result<(), TorchError> {
        super::copy_all(&self.shadow, state)?;
        self.updates = updates;
        Ok(())
    }

    /// Exchanges the averages with the parameters; a second call undoes the first, bit for bit.
    pub fn swap(&mut self) {
        tch::no_grad(|| {
            for ((_, shadow), parameter) in self.shadow.iter_mut().zip(&mut self.parameters) {
                let raw = parameter.copy();
                parameter.copy_(shadow);
                shadow.copy_(&raw);
            }
        });
    }
}
