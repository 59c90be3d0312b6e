//! One measured number, with all that is needed to compare it with another.

use lzn_features::Identity;
use serde::{Deserialize, Serialize};

/// A number, and how it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What it is, named after what made it: `FD-LeNet128`, `test accuracy`.
    pub name: String,
    /// Its value; shares are fractions.
    pub value: f64,
    /// Spread or interval, in words that say which: `95 %: 0.893 to 0.907`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<String>,
    /// Whether it is a fraction of something, which people read as a percentage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub share: bool,
    /// Which direction is better.
    pub better: Better,
    /// Real images that took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real: Option<usize>,
    /// Generated images that took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<usize>,
    /// Settings that the value depends on: network and its weights, resampling, sampler, noise scale, k, seed.
    pub protocol: String,
}

/// Which direction of a number is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither: a check, or a setting.
    Neither,
}

impl Measure {
    /// A number without spread and counts.
    pub fn new(name: impl Into<String>, value: f64, better: Better, protocol: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value,
            spread: None,
            share: false,
            better,
            real: None,
            generated: None,
            protocol: protocol.into(),
        }
    }

    /// Says that the value is a fraction of something.
    #[must_use]
    pub fn share(self) -> Self {
        Self { share: true, ..self }
    }

    /// Adds how many real and generated images took part.
    #[must_use]
    pub fn counts(self, real: usize, generated: usize) -> Self {
        Self { real: Some(real), generated: Some(generated), ..self }
    }

    /// Adds how many real images took part, where nothing is generated.
    #[must_use]
    pub fn of(self, real: usize) -> Self {
        Self { real: Some(real), ..self }
    }

    /// Adds the spread, in words.
    #[must_use]
    pub fn spread(self, spread: impl Into<String>) -> Self {
        Self { spread: Some(spread.into()), ..self }
    }
}

/// Measures that belong together: one section of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Title of the section.
    pub title: String,
    /// Its numbers.
    pub measures: Vec<Measure>,
    /// The network whose features they compare, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Identity>,
    /// What is left out or unreliable, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Group {
    /// Measures that depend on no feature network.
    pub fn new(title: impl Into<String>, measures: Vec<Measure>) -> Self {
        Self { title: title.into(), measures, network: None, warnings: Vec::new() }
    }

    /// The feature network with the digest of its weights in full, as a line below the numbers.
    pub fn network_line(&self) -> Option<String> {
        let Identity { network, weights_sha256, weights, protocol, .. } = self.network.as_ref()?;
        let known = weights.as_ref().map(|name| format!(", known as {name}")).unwrap_or_default();
        Some(format!("{network}: images by protocol {protocol}; weights with SHA-256 {weights_sha256}{known}"))
    }
}
