//! Configuration of training and of what is measured along the way.

use std::collections::BTreeMap;

use lzn_torch::Precision;
use serde::{Deserialize, Serialize};

use super::{MetricsConfig, invalid};
use crate::ConfigError;
use crate::types::PartName;

/// How the objectives are minimised: Adam (0.9, 0.999, 1e-8), as published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Training steps, at least 1. Published: 200,000 for the joint CIFAR-10 model.
    pub iterations: u64,
    /// Images a step. Published: 2,000.
    pub batch_size: usize,
    /// Images that pass a network at a time, from 1 to `batch_size`; none: all of them. Memory is then that of so many images, while
    /// zones are those of the whole batch, and gradients as well (docs/memory.md); encoders pass twice. It need not divide the
    /// batch, and may change while a run goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// In what networks compute their products in training: `"float32"`, `"bfloat16"` or `"float16"`. Parameters, zones, losses and evaluations are
    /// float32 in any case.
    #[serde(skip_serializing_if = "PrecisionKind::is_default")]
    pub precision: PrecisionKind,
    /// Largest L2 norm of the gradient over all parts together. Published: 1.
    pub clip_norm: f64,
    /// Linear warm-up of every learning rate. Published: from 1/5000 over 5,000 iterations.
    pub warm_up: WarmUp,
    /// Steps at the end over which every learning rate falls linearly to zero; none, as published: never. Short runs gain by
    /// it: what the averages cannot smooth within so few steps, smaller steps do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cool_down: Option<u64>,
    /// The image encoder. Published: learning rate 5e-5.
    pub encoder: PartConfig,
    /// The velocity network. Published: learning rate 2e-3, frozen after 60,000 iterations.
    pub decoder: PartConfig,
    /// The label anchors. Published: learning rate 1e-4.
    pub labels: PartConfig,
    /// Parts of other data types, by the name of the part: `[train.parts."text.encoder"]`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, PartConfig>,
    /// Threads that prepare batches; 0 prepares them between steps.
    pub workers: usize,
    /// Steps between two records of losses.
    pub log_every: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// How many of the newest checkpoints are kept, at least 1.
    pub keep_checkpoints: usize,
    /// Steps between two checkpoints that are kept for good, beside the newest ones; they are saved whether or not `checkpoint_every`
    /// says so. None: no checkpoint is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_every: Option<u64>,
}

/// In what networks compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionKind {
    /// As parameters are.
    #[default]
    Float32,
    /// 8 significant bits; the range of float32.
    BFloat16,
    /// 11 significant bits and a small range, for which the loss is scaled.
    Float16,
}

impl PrecisionKind {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl From<PrecisionKind> for Precision {
    fn from(kind: PrecisionKind) -> Self {
        match kind {
            PrecisionKind::Float32 => Self::Float32,
            PrecisionKind::BFloat16 => Self::BFloat16,
            PrecisionKind::Float16 => Self::Float16,
        }
    }
}

/// Optimisation of one part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartConfig {
    /// Learning rate after warm-up.
    pub learning_rate: f64,
    /// Limit of the decay of the exponential moving average, which is `min(ema_decay, (1 + k) / (10 + k))` at update k.
    /// Published: 0.999999.
    #[serde(default = "ema_decay")]
    pub ema_decay: f64,
    /// Step at which the part stops learning; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze_at: Option<u64>,
}

fn ema_decay() -> f64 {
    0.999_999
}

/// Linear warm-up: the learning rate grows from `start_factor` to 1 times its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// Factor at the first step, in (0, 1].
    pub start_factor: f64,
    /// Steps until the factor is 1; 0 means no warm-up.
    pub iterations: u64,
}

impl WarmUp {
    /// Factor of the learning rate at step `step`, counted from 0.
    pub fn factor(&self, step: u64) -> f64 {
        if step >= self.iterations {
            return 1.0;
        }
        self.start_factor + (1.0 - self.start_factor) * step as f64 / self.iterations as f64
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        let part = |learning_rate, freeze_at| PartConfig { learning_rate, ema_decay: ema_decay(), freeze_at };
        Self {
            iterations: 200_000,
            batch_size: 2_000,
            micro_batch: None,
            precision: PrecisionKind::Float32,
            clip_norm: 1.0,
            warm_up: WarmUp { start_factor: 1.0 / 5_000.0, iterations: 5_000 },
            cool_down: None,
            encoder: part(5e-5, None),
            decoder: part(2e-3, Some(60_000)),
            labels: part(1e-4, None),
            parts: BTreeMap::new(),
            workers: 1,
            log_every: 10,
            checkpoint_every: 500,
            keep_checkpoints: 3,
            keep_every: None,
        }
    }
}

impl Default for PartConfig {
    /// For parts without a table: the learning rate that Kingma and Ba (2015) give Adam.
    fn default() -> Self {
        Self { learning_rate: 1e-3, ema_decay: ema_decay(), freeze_at: None }
    }
}

impl TrainConfig {
    /// How a part is optimised; the default where nothing is said of it.
    pub fn part(&self, name: &PartName) -> PartConfig {
        let found = self.named_parts().into_iter().find(|(known, _)| *known == name.as_str());
        found.map(|(_, part)| part.clone()).unwrap_or_default()
    }

    /// The parts that something is said of, by the end of their key.
    fn named_parts(&self) -> Vec<(&str, &PartConfig)> {
        let published = [("encoder", &self.encoder), ("decoder", &self.decoder), ("labels", &self.labels)];
        published.into_iter().chain(self.parts.iter().map(|(name, part)| (name.as_str(), part))).collect()
    }

    /// Factor of every learning rate at step `step`, counted from 0.
    pub fn rate_factor(&self, step: u64) -> f64 {
        let left = self.iterations.saturating_sub(step);
        let cooling = self.cool_down.filter(|length| left < *length).map_or(1.0, |length| left as f64 / length as f64);
        self.warm_up.factor(step) * cooling
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let positive = [
            ("train.iterations", self.iterations),
            ("train.batch_size", self.batch_size as u64),
            ("train.log_every", self.log_every),
            ("train.checkpoint_every", self.checkpoint_every),
            ("train.keep_checkpoints", self.keep_checkpoints as u64),
            ("train.keep_every", self.keep_every.unwrap_or(1)),
        ];
        for (key, value) in positive {
            if value == 0 {
                return Err(invalid(key, "must be at least 1"));
            }
        }
        if let Some(size) = self.micro_batch.filter(|size| !(1..=self.batch_size).contains(size)) {
            let rule = format!("must lie between 1 and `train.batch_size`, {}, got {size}", self.batch_size);
            return Err(invalid("train.micro_batch", rule));
        }
        if !(self.clip_norm.is_finite() && self.clip_norm > 0.0) {
            return Err(invalid("train.clip_norm", format!("must be positive, got {}", self.clip_norm)));
        }
        if !(self.warm_up.start_factor > 0.0 && self.warm_up.start_factor <= 1.0) {
            return Err(invalid(
                "train.warm_up.start_factor",
                format!("must lie in (0, 1], got {}", self.warm_up.start_factor),
            ));
        }
        for (name, part) in self.named_parts() {
            if !(part.learning_rate.is_finite() && part.learning_rate >= 0.0) {
                let rule = format!("must be finite and not negative, got {}", part.learning_rate);
                return Err(invalid(format!("train.{name}.learning_rate"), rule));
            }
            if !(0.0..1.0).contains(&part.ema_decay) {
                return Err(invalid(
                    format!("train.{name}.ema_decay"),
                    format!("must lie in [0, 1), got {}", part.ema_decay),
                ));
            }
        }
        Ok(())
    }
}

/// What is measured and drawn during and after training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateConfig {
    /// Steps between two evaluations; 0: only at the end.
    pub every: u64,
    /// Test images used by the evaluations along the way; the last one uses all.
    pub images: usize,
    /// Images that share one zoning when they are classified, or all that there are if they are fewer. The larger, the better (paper,
    /// Figure 25), so by default as many as the paper's test sets hold.
    pub batch_size: usize,
    /// Scale alpha of the latent noise in classification: 0 is the centre of the zone, the most accurate (paper, Figure 25).
    pub noise_scale: f64,
    /// Sample images of each class in a grid, at least 1; ten rows of so many without labels.
    pub samples: usize,
    /// Heun steps, of two evaluations each, of the sampler that draws the grids.
    pub sampler_steps: usize,
    /// Whether evaluations along the way, and that at the end of training, probe the encoder's features as `metrics.probe` says: along the
    /// way by `images` training and test images, at the end by all. Needs labels in the data, of which training may know nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub probes: bool,
    /// What `lzn eval` measures when training is over.
    #[serde(skip_serializing_if = "MetricsConfig::is_default")]
    pub metrics: MetricsConfig,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self {
            every: 0,
            images: 2_000,
            batch_size: 10_000,
            noise_scale: 0.0,
            samples: 8,
            sampler_steps: 20,
            probes: false,
            metrics: MetricsConfig::default(),
        }
    }
}

impl EvaluateConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let positive = [
            ("batch_size", self.batch_size),
            ("images", self.images),
            ("samples", self.samples),
            ("sampler_steps", self.sampler_steps),
        ];
        for (key, value) in positive {
            if value == 0 {
                return Err(invalid(format!("evaluate.{key}"), "must be at least 1"));
            }
        }
        if !(self.noise_scale.is_finite() && self.noise_scale >= 0.0) {
            return Err(invalid(
                "evaluate.noise_scale",
                format!("must be finite and not negative, got {}", self.noise_scale),
            ));
        }
        self.metrics.check()
    }
}
