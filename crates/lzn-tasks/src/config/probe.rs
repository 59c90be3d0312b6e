//! Configuration of probes: what a simple classifier reads off representations.

use lzn_eval::probe::Schedule;
use serde::{Deserialize, Serialize};

use super::invalid;
use crate::ConfigError;

/// How probes are fitted and judged. The defaults suit small data sets; the published probe of ImageNet is `epochs = 300`,
/// `batch_size = 8192`, `learning_rate = 3e-4`, `schedule = "constant"`, `standardise = false` (paper, appendix D.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeConfig {
    /// Training images, the first in the order of evaluation; more than there are means all. Published: all.
    pub images: usize,
    /// Share of these images, in [0, 1), by which probes are judged instead of the test images: what settings are chosen by must not be
    /// what they are judged by in the end. 0: the test images.
    pub held_out: f64,
    /// Passes of the linear probe over the training images, at least 1.
    pub epochs: usize,
    /// Rows of a batch of the linear probe, at least 1.
    pub batch_size: usize,
    /// Step size of AdamW, above 0, without weight decay.
    pub learning_rate: f64,
    /// How the step size changes: `constant` or `cosine`.
    pub schedule: Schedule,
    /// Whether representations are first brought to mean 0 and variance 1 over the training images.
    pub standardise: bool,
    /// Neighbours that vote in the kNN probe, at least 1, by cosine; with fewer training images all do.
    pub neighbours: usize,
    /// Temperature of their weights, above 0. Customary: 0.07 (Wu et al. 2018).
    pub temperature: f64,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            images: 50_000,
            held_out: 0.0,
            epochs: 50,
            batch_size: 256,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine,
            standardise: true,
            neighbours: 20,
            temperature: 0.07,
        }
    }
}

impl ProbeConfig {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let key = |name: &str| format!("evaluate.metrics.probe.{name}");
        for (name, value) in [
            ("images", self.images),
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("neighbours", self.neighbours),
        ] {
            if value == 0 {
                return Err(invalid(key(name), "must be at least 1"));
            }
        }
        for (name, value) in [("learning_rate", self.learning_rate), ("temperature", self.temperature)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(invalid(key(name), format!("must be finite and positive, got {value}")));
            }
        }
        if !(0.0..1.0).contains(&self.held_out) {
            return Err(invalid(key("held_out"), format!("must lie in [0, 1), got {}", self.held_out)));
        }
        Ok(())
    }
}
