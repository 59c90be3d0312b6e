//! How a linear probe is trained.

use serde::{Deserialize, Serialize};

use super::OPERATION;
use crate::EvalError;

/// Settings of the training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LinearProbeConfig {
    /// Passes over the training rows, at least 1.
    pub epochs: usize,
    /// Rows of a batch, at least 1. The last batch of an epoch is smaller if the rows do not divide.
    pub batch: usize,
    /// Step size of AdamW, above 0.
    pub learning_rate: f64,
    /// Weight decay of AdamW (decoupled, of weights and bias), at least 0.
    pub weight_decay: f64,
    /// How the learning rate changes over the steps.
    pub schedule: Schedule,
    /// Whether features are first brought to mean 0 and variance 1 over the training rows.
    pub standardise: bool,
    /// Decides the first weights and the order of rows.
    pub seed: u64,
}

/// The learning rate over the course of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Half a cosine, from the full rate at the first step towards 0 after the last.
    Cosine,
}

impl LinearProbeConfig {
    /// The published setting for ImageNet: AdamW with 3e-4, no weight decay, a constant rate, 300 epochs of batches of 8192, features as
    /// they are.
    ///
    /// A step size of 3e-4 suits many steps: a small data set has few with such batches, and takes smaller batches or a
    /// higher rate.
    #[must_use]
    pub fn published(seed: u64) -> Self {
        Self {
            epochs: 300,
            batch: 8192,
            learning_rate: 3e-4,
            weight_decay: 0.0,
            schedule: Schedule::Constant,
            standardise: false,
            seed,
        }
    }

    pub(super) fn check(&self) -> Result<(), EvalError> {
        let setting = |argument, rule, got| Err(EvalError::Setting { operation: OPERATION, argument, rule, got });
        for (argument, value) in [("epochs", self.epochs), ("batch", self.batch)] {
            if value == 0 {
                return setting(argument, "at least 1", "0".to_owned());
            }
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return setting("learning_rate", "a positive number", self.learning_rate.to_string());
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return setting("weight_decay", "a number of at least 0", self.weight_decay.to_string());
        }
        Ok(())
    }

    /// Learning rate of step `step` of `steps`.
    pub(super) fn rate(&self, step: usize, steps: usize) -> f64 {
        match self.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let done = step as f64 / steps as f64;
                0.5 * self.learning_rate * (1.0 + (std::f64::consts::PI * done).cos())
            }
        }
    }
}
