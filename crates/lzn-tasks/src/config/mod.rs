//! The configuration of a run: plain data, every unit and range said, unknown keys refused.
//!
//! Defaults are the published values of the joint CIFAR-10 model (paper, Appendix E) unless a field says otherwise.

mod data;
mod metrics;
mod model;
mod objective;
mod parse;
mod probe;
mod suggest;
mod train;

pub use data::{AugmentConfig, DataConfig, DataSource, TextSource};
pub use lzn_text::TextConfig;
pub use metrics::{FeatureNetKind, MetricGroup, MetricsConfig, Parameters, ScriptInput};
pub use model::{Decision, EncoderConfig, FlowConfig, LabelConfig, ModelConfig, SolverKind};
pub use objective::{LossForm, ObjectiveConfig, ObjectiveKind, Schedule};
pub use parse::Override;
pub use probe::ProbeConfig;
pub use train::{EvaluateConfig, PartConfig, PrecisionKind, TrainConfig, WarmUp};

use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// Everything that fixes a run. Two runs of equal configuration on one machine give equal numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Seed of every random draw.
    #[serde(default)]
    pub seed: u64,
    /// What is learned from.
    pub data: DataConfig,
    /// The networks and the latent space that they share.
    pub model: ModelConfig,
    /// What one training step minimises: the weighted sum of these.
    #[serde(rename = "objective")]
    pub objectives: Vec<ObjectiveConfig>,
    /// How it is minimised.
    #[serde(default)]
    pub train: TrainConfig,
    /// What is measured and drawn during and after training.
    #[serde(default)]
    pub evaluate: EvaluateConfig,
    /// Settings of a program that builds model, data and objectives itself, with `data.source = "custom"`: whatever must not change
    /// when a run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<toml::Table>,
}

impl RunConfig {
    /// Checks every rule that needs no data; the data set's own rules are checked when it is opened.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] names the key, the rule and the value.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.train.check()?;
        self.evaluate.check()?;
        if self.data.source == DataSource::Custom {
            return Ok(());
        }
        if self.custom.is_some() {
            return Err(invalid(
                "custom",
                "belongs to data.source = \"custom\", of programs that build models themselves",
            ));
        }
        self.data.check()?;
        self.model.check(&self.data)?;
        objective::check(&self.objectives, &self.model, &self.data, self.train.batch_size)
    }

    /// The configuration of a run whose model, data and objectives a program builds itself ([`crate::train::Recipe`]). `settings` are its
    /// own: all that must be the same when the run goes on.
    pub fn custom(seed: u64, latent_dim: usize, settings: toml::Table, train: TrainConfig) -> Self {
        Self {
            seed,
            data: DataConfig::custom(),
            model: ModelConfig::custom(latent_dim),
            objectives: Vec::new(),
            train,
            evaluate: EvaluateConfig::default(),
            custom: Some(settings),
        }
    }

    /// Whether an objective compares two views of every image, so that batches have to hold a second one.
    pub fn needs_second_view(&self) -> bool {
        self.objectives.iter().any(ObjectiveConfig::reads_second_view)
    }

    /// The configuration as TOML, complete with defaults.
    pub fn to_toml(&self) -> String {
        // Plain structs of numbers, strings and tables: there is nothing that TOML cannot hold.
        toml::to_string_pretty(self).unwrap_or_else(|error| format!("# not serialisable: {error}\n"))
    }

    /// What must be equal for a checkpoint to be continued: everything that shapes the networks, the data and the objectives.
    /// Lengths, intervals, batch workers, and what saves memory may change between sessions.
    pub fn identity(&self) -> u32 {
        crc32fast::hash(self.lasting_toml().as_bytes())
    }

    /// [`RunConfig::to_toml`] with everything that may change between sessions set to one value: what [`RunConfig::identity`] is
    /// the digest of.
    pub(crate) fn lasting_toml(&self) -> String {
        let mut fixed = self.clone();
        fixed.train = TrainConfig {
            iterations: 0,
            cool_down: None,
            workers: 0,
            micro_batch: None,
            log_every: 1,
            checkpoint_every: 1,
            keep_checkpoints: 1,
            keep_every: None,
            ..fixed.train
        };
        fixed.evaluate = EvaluateConfig::default();
        fixed.model.set_recompute(false);
        fixed.to_toml()
    }
}

/// A rule that a value breaks.
fn invalid(key: impl Into<String>, rule: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { key: key.into(), rule: rule.into() }
}
