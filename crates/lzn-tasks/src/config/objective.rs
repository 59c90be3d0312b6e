//! Configuration of what a training step minimises.

use serde::{Deserialize, Serialize};

use super::{DataConfig, Decision, LabelConfig, ModelConfig, invalid};
use crate::ConfigError;
use crate::objective::MoCoOptions;

/// The kinds of objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveKind {
    /// Mean squared error of the velocity of images (paper, Section 2; Liu et al. 2023).
    RectifiedFlow,
    /// Latent alignment of one data type with the zones of another (paper, Equation 2).
    Align,
    /// Cross-entropy of the labels under the linear classifier on the image encoder: supervised learning, the yardstick of accuracy.
    Classify,
    /// SimCLR on two views (Chen et al. 2020): contrastive learning within the batch, a yardstick of representations.
    Simclr,
    /// MoCo v2 on two views (He et al. 2020; Chen et al. 2020): contrastive learning against a queue, a yardstick of representations.
    Moco,
}

/// A data type by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeName {
    /// Images.
    Image,
    /// Class labels.
    Label,
    /// A second view of every image: the same image under other random transforms.
    View,
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
    /// `align`: share of the early steps that do not count, in [0, 1). Published: 0.2 (paper, Appendices D.3 and E.3).
    #[serde(default = "cut_off")]
    pub cut_off: f64,
    /// `align`: which function of the probability is raised. Published: `probability` for labels, `log` for views (paper,
    /// Appendices E and D).
    #[serde(default)]
    pub form: LossForm,
    /// `align` to views: scale alpha of the noise of the images' latents; below 1 they keep to the middle of their zones.
    /// Published and default: 0.45 (paper, Appendix D.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_scale: Option<f64>,
    /// `simclr` and `moco`: temperature by which cosines are divided, above 0. Published for ImageNet, and default: 0.1 of `simclr`, 0.2
    /// of `moco`; 0.5 of `simclr` for CIFAR-10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// `moco`: keys in the queue, at least `train.batch_size`. Published for ImageNet, and default: 65,536.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<usize>,
    /// `moco`: share of its own value that the encoder of the keys keeps at each step, in [0, 1). Published for ImageNet, and default:
    /// 0.999.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
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

impl ObjectiveConfig {
    /// Whether the objective compares two views of every image.
    pub(super) fn reads_second_view(&self) -> bool {
        self.aligns_views() || self.contrasts()
    }

    fn aligns_views(&self) -> bool {
        self.kind == ObjectiveKind::Align && self.to == Some(TypeName::View)
    }

    fn contrasts(&self) -> bool {
        matches!(self.kind, ObjectiveKind::Simclr | ObjectiveKind::Moco)
    }

    fn check_views(
        &self,
        key: impl Fn(&str) -> String,
        model: &ModelConfig,
        data: &DataConfig,
    ) -> Result<(), ConfigError> {
        let (what, key) = match self.aligns_views() {
            true => ("alignment of views", key("to")),
            false => ("comparing views", key("kind")),
        };
        if model.encoder.is_none() {
            return Err(invalid(key, format!("{what} needs a [model.encoder] table")));
        }
        if data.augment.is_none() {
            let rule = "needs random transforms in [data.augment]: without, both views are equal";
            return Err(invalid(key, format!("{what} {rule}")));
        }
        Ok(())
    }

    /// The settings of contrastive objectives, which others do not have.
    fn check_contrast(&self, key: impl Fn(&str) -> String, batch_size: usize) -> Result<(), ConfigError> {
        let moco = self.kind == ObjectiveKind::Moco;
        if self.temperature.is_some() && !self.contrasts() {
            return Err(invalid(key("temperature"), "belongs to kind = \"simclr\" or \"moco\""));
        }
        for (name, given) in [("queue", self.queue.is_some()), ("momentum", self.momentum.is_some())] {
            if given && !moco {
                return Err(invalid(key(name), "belongs to kind = \"moco\""));
            }
        }
        if let Some(value) = self.temperature.filter(|value| !(value.is_finite() && *value > 0.0)) {
            return Err(invalid(key("temperature"), format!("must be finite and positive, got {value}")));
        }
        if let Some(value) = self.momentum.filter(|value| !(0.0..1.0).contains(value)) {
            return Err(invalid(key("momentum"), format!("must lie in [0, 1), got {value}")));
        }
        let queue = self.queue.unwrap_or(MoCoOptions::PUBLISHED.queue);
        if moco && queue < batch_size {
            return Err(invalid(
                key("queue"),
                format!("must be at least `train.batch_size`, {batch_size}, got {queue}"),
            ));
        }
        Ok(())
    }

    fn check_align(
        &self,
        key: impl Fn(&str) -> String,
        model: &ModelConfig,
        data: &DataConfig,
    ) -> Result<(), ConfigError> {
        match (self.from, self.to) {
            (Some(TypeName::Image), Some(TypeName::Label)) if model.labels.is_none() => {
                Err(invalid(key("to"), "alignment with labels needs a [model.labels] table"))
            }
            (Some(TypeName::Image), Some(TypeName::Label)) if model.labels.as_ref().is_some_and(linear) => {
                Err(invalid(key("to"), "alignment with labels decides by zones: remove `decision` from [model.labels]"))
            }
            (Some(TypeName::Image), Some(TypeName::View)) => self.check_views(key, model, data),
            (Some(TypeName::Image), Some(TypeName::Label)) => Ok(()),
            _ => Err(invalid(key("from"), "`align` needs from = \"image\", and to = \"label\" or \"view\"")),
        }
    }
}

fn linear(labels: &LabelConfig) -> bool {
    labels.decision == Decision::Linear
}

pub(super) fn check(
    objectives: &[ObjectiveConfig],
    model: &ModelConfig,
    data: &DataConfig,
    batch_size: usize,
) -> Result<(), ConfigError> {
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
        if objective.kind == ObjectiveKind::Classify && !model.labels.as_ref().is_some_and(linear) {
            return Err(invalid(key("kind"), "`classify` needs [model.labels] with decision = \"linear\""));
        }
        if objective.kind != ObjectiveKind::Align {
            for (name, given) in [("from", objective.from), ("to", objective.to)] {
                if given.is_some() {
                    return Err(invalid(key(name), "belongs to kind = \"align\"; remove it, or change the kind"));
                }
            }
        }
        if let Some(scale) = objective.noise_scale {
            if !objective.aligns_views() {
                return Err(invalid(key("noise_scale"), "belongs to `align` with to = \"view\""));
            }
            if !(scale.is_finite() && scale >= 0.0) {
                return Err(invalid(key("noise_scale"), format!("must be finite and not negative, got {scale}")));
            }
        }
        objective.check_contrast(key, batch_size)?;
        if objective.contrasts() {
            objective.check_views(key, model, data)?;
        }
        if objective.kind == ObjectiveKind::Align {
            objective.check_align(key, model, data)?;
        }
    }
    Ok(())
}
