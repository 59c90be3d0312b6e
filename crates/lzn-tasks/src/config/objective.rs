//! Configuration of what a training step minimises.

use serde::{Deserialize, Serialize};

use super::{DataConfig, Decision, LabelConfig, ModelConfig, invalid};
use crate::ConfigError;
use crate::objective::MoCoOptions;
use crate::wiring::{self, Declared, VIEW};

/// The kinds of objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveKind {
    /// Mean squared error of the velocity of images (paper, Section 2; Liu et al. 2023).
    RectifiedFlow,
    /// Latent alignment of one data type with the zones of another (paper, Equation 2).
    Align,
    /// What the decoder of a data type learns by: giving back samples from their latents. Of images this is `rectified-flow`.
    Reconstruct,
    /// Cross-entropy of the labels under the linear classifier on the image encoder: supervised learning, the yardstick of accuracy.
    Classify,
    /// SimCLR on two views (Chen et al. 2020): contrastive learning within the batch, a yardstick of representations.
    Simclr,
    /// MoCo v2 on two views (He et al. 2020; Chen et al. 2020): contrastive learning against a queue, a yardstick of representations.
    Moco,
    /// CLIP on pairs of two data types (Radford et al. 2021): contrastive learning within the batch, a yardstick of alignment.
    Clip,
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

/// How the weight of a term changes with time: nothing before `begin`, then a linear rise over `ramp` steps to the whole weight, and
/// nothing from `end` on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// First step that counts.
    pub begin: u64,
    /// Steps from there to the whole weight; 0: at once.
    pub ramp: u64,
    /// First step that does not count any more; none: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
}

impl Schedule {
    /// Factor of the weight at step `step`, counted from 0, in [0, 1]. The first step of a ramp counts already.
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.begin || self.end.is_some_and(|end| step >= end) {
            return 0.0;
        }
        let risen = step - self.begin + 1;
        if risen > self.ramp { 1.0 } else { risen as f64 / (self.ramp as f64 + 1.0) }
    }
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
    /// How the weight changes with time; none: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// `align`: the data type whose latents move: `image`, `label`, `text`. `clip`: one type of the pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `align`: the data type over whose zones they are assigned, or `view` for a second view of every image: the same image under
    /// other random transforms. `clip`: the other type of the pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// `align`: whether the other direction counts as well; the loss is then the mean of both.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub symmetric: bool,
    /// `reconstruct`: the data type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// `align`: share of the early steps that do not count, in [0, 1). Published: 0.2 (paper, Appendices D.3 and E.3).
    #[serde(default = "cut_off")]
    pub cut_off: f64,
    /// `align`: which function of the probability is raised. Published: `probability` for labels, `log` for views (paper,
    /// Appendices E and D).
    #[serde(default)]
    pub form: LossForm,
    /// `align`: scale alpha of the noise of the latents that move; below 1 they keep to the middle of their zones. Published and default:
    /// 0.45 to views (paper, Appendix D.3), else 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_scale: Option<f64>,
    /// `simclr`, `moco` and `clip`: temperature by which cosines are divided, above 0. Published for ImageNet, and default: 0.1 of
    /// `simclr`, 0.2 of `moco`; 0.5 of `simclr` for CIFAR-10. Default of `clip`: 0.07, where its published one starts to be learnt.
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
    /// An objective with the published settings.
    pub fn new(kind: ObjectiveKind) -> Self {
        Self {
            kind,
            weight: one(),
            schedule: None,
            from: None,
            to: None,
            symmetric: false,
            of: None,
            cut_off: cut_off(),
            form: LossForm::default(),
            noise_scale: None,
            temperature: None,
            queue: None,
            momentum: None,
            class_weights: yes(),
        }
    }

    /// Whether the objective compares two views of every image.
    pub(super) fn reads_second_view(&self) -> bool {
        self.aligns_views() || self.contrasts()
    }

    fn aligns_views(&self) -> bool {
        self.kind == ObjectiveKind::Align && self.to.as_deref() == Some(VIEW)
    }

    /// Whether views are told apart by their cosine.
    fn contrasts(&self) -> bool {
        matches!(self.kind, ObjectiveKind::Simclr | ObjectiveKind::Moco)
    }

    /// Whether it is about two data types.
    fn pairs(&self) -> bool {
        matches!(self.kind, ObjectiveKind::Align | ObjectiveKind::Clip)
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
        if self.temperature.is_some() && !self.contrasts() && self.kind != ObjectiveKind::Clip {
            return Err(invalid(key("temperature"), "belongs to kind = \"simclr\", \"moco\" or \"clip\""));
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

    fn check_pair(
        &self,
        key: impl Fn(&str) -> String,
        model: &ModelConfig,
        data: &DataConfig,
    ) -> Result<(), ConfigError> {
        let types = wiring::declared(model);
        let clip = self.kind == ObjectiveKind::Clip;
        let (Some(from), Some(to)) = (self.from.as_deref(), self.to.as_deref()) else {
            let (kind, or_view) =
                if clip { ("clip", String::new()) } else { ("align", format!(", or to = \"{VIEW}\"")) };
            let rule = format!("`{kind}` needs `from` and `to`: two of {}{or_view}", names(&types));
            return Err(invalid(key("from"), rule));
        };
        if to == VIEW && clip {
            return Err(invalid(key("to"), "`clip` is of two data types; `simclr` compares views"));
        }
        if to == VIEW {
            if from != crate::model::IMAGE || self.symmetric {
                let rule = "alignment of views is of images, and in one direction: both are views";
                return Err(invalid(key("from"), rule));
            }
            return self.check_views(key, model, data);
        }
        if from == to {
            let rule =
                format!("must be another type than `from`, or \"{VIEW}\": every latent lies in its own zone already");
            return Err(invalid(key("to"), rule));
        }
        for (field, name) in [("to", to), ("from", from)] {
            if let Some(reason) = find(&types, name, key(field))?.unaligned {
                return Err(invalid(key(field), reason));
            }
        }
        Ok(())
    }

    fn check_reconstruct(&self, key: impl Fn(&str) -> String, model: &ModelConfig) -> Result<(), ConfigError> {
        let types = wiring::declared(model);
        let Some(of) = self.of.as_deref() else {
            return Err(invalid(key("type"), format!("`reconstruct` needs the data type: one of {}", names(&types))));
        };
        match find(&types, of, key("type"))?.unlearned {
            Some(reason) => Err(invalid(key("type"), format!("`reconstruct` {reason}"))),
            None => Ok(()),
        }
    }
}

fn names(types: &[Declared]) -> String {
    let names: Vec<String> = types.iter().map(|known| format!("\"{}\"", known.name)).collect();
    names.join(", ")
}

fn find<'a>(types: &'a [Declared], name: &str, key: String) -> Result<&'a Declared, ConfigError> {
    let unknown = || invalid(key, format!("names `{name}`, which is no data type: there are {}", names(types)));
    types.iter().find(|known| known.name == name).ok_or_else(unknown)
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
        let aligns = objective.kind == ObjectiveKind::Align;
        for (name, given, belongs) in [
            ("from", objective.from.is_some(), objective.pairs()),
            ("to", objective.to.is_some(), objective.pairs()),
            ("symmetric", objective.symmetric, aligns),
        ] {
            if given && !belongs {
                return Err(invalid(key(name), "belongs to kind = \"align\"; remove it, or change the kind"));
            }
        }
        if let Some(scale) = objective.noise_scale {
            if !aligns {
                return Err(invalid(key("noise_scale"), "belongs to kind = \"align\""));
            }
            if !(scale.is_finite() && scale >= 0.0) {
                return Err(invalid(key("noise_scale"), format!("must be finite and not negative, got {scale}")));
            }
        }
        objective.check_contrast(key, batch_size)?;
        if objective.contrasts() {
            objective.check_views(key, model, data)?;
        }
        match objective.kind {
            ObjectiveKind::Reconstruct => objective.check_reconstruct(key, model)?,
            _ if objective.of.is_some() => {
                return Err(invalid(key("type"), "belongs to kind = \"reconstruct\"; remove it, or change the kind"));
            }
            _ => {}
        }
        if objective.pairs() {
            objective.check_pair(key, model, data)?;
        }
    }
    Ok(())
}
