//! Configuration of what a training step minimises.

use serde::{Deserialize, Serialize};

use super::{ModelConfig, invalid};
use crate::ConfigError;

/// The kinds of objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveKind {
    /// Mean squared error of the velocity of images (paper, Section 2; Liu et al. 2023).
    RectifiedFlow,
    /// Latent alignment of one data type with the zones of another (paper, Equation 2).
    Align,
}

/// A data type by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeName {
    /// Images.
    Image,
    /// Class labels.
    Label,
}

/// Which function of the assignment probability is raised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossForm {
    /// `-mean max_s p_s` (Equation 2). Published for labels.
    #[default]
    Probability,
    /// `-mean log max_s p_s` (Equation 5). Published for two views.
    Log,
}

/// One term of the loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// What it is.
    pub kind: ObjectiveKind,
    /// Factor in the total loss. Published: 1 for every term.
    #[serde(default = "one")]
    pub weight: f64,
    /// `align`: whose latents move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<TypeName>,
    /// `align`: over whose zones they are assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<TypeName>,
    /// `align`: share of the early steps that do not count, in [0, 1). Published: 0.2.
    #[serde(default = "cut_off")]
    pub cut_off: f64,
    /// `align`: which function of the probability is raised.
    #[serde(default)]
    pub form: LossForm,
    /// `align` to labels: weigh each label's zone by its share of the batch. Published: true.
    #[serde(default = "yes")]
    pub class_weights: bool,
}

fn one() -> f64 {
    1.0
}

fn cut_off() -> f64 {
    0.2
}

fn yes() -> bool {
    true
}

pub(super) fn check(objectives: &[ObjectiveConfig], model: &ModelConfig) -> Result<(), ConfigError> {
    if objectives.is_empty() {
        return Err(invalid("objective", "must hold at least one [[objective]]"));
    }
    for (i, objective) in objectives.iter().enumerate() {
        let key = |field: &str| format!("objective[{i}].{field}");
        if !(objective.weight.is_finite() && objective.weight >= 0.0) {
            return Err(invalid(key("weight"), format!("must be finite and not negative, got {}", objective.weight)));
        }
        if !(0.0..1.0).contains(&objective.cut_off) {
            return Err(invalid(key("cut_off"), format!("must lie in [0, 1), got {}", objective.cut_off)));
        }
        if objective.kind == ObjectiveKind::RectifiedFlow && model.decoder.is_none() {
            return Err(invalid(key("kind"), "`rectified-flow` needs a [model.decoder] table"));
        }
        if objective.kind == ObjectiveKind::Align {
            if (objective.from, objective.to) != (Some(TypeName::Image), Some(TypeName::Label)) {
                return Err(invalid(key("from"), "`align` needs from = \"image\" and to = \"label\""));
            }
            if model.labels.is_none() {
                return Err(invalid(key("to"), "alignment with labels needs a [model.labels] table"));
            }
        }
    }
    Ok(())
}
