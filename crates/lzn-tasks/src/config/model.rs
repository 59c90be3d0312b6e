//! Configuration of the networks and of their latent space.

use lzn_encoders::{ImageEncoderConfig, ResNetConfig};
use lzn_flow::VelocityNetConfig;
use lzn_latent::{Solver, ZoneFlow};
use lzn_text::TextConfig;
use serde::{Deserialize, Serialize};

use super::{DataConfig, invalid};
use crate::ConfigError;

/// The networks and the latent space that they share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Dimension d of the latent space. Published: 200; 256 for representation learning (paper, Appendices C.3, D.3, E.3).
    #[serde(default = "latent_dim")]
    pub latent_dim: usize,
    /// Whether the decoder is also given the label, as a one-hot vector. Published: true for the joint model (paper, Appendix E).
    #[serde(default)]
    pub label_conditional: bool,
    /// Whether all anchors, of images and of labels, are scaled to the norm of a typical draw of the prior, the root of `latent_dim`. The
    /// exact zones do not depend on the scale of all anchors together, so with a solver that is as free of scale (`multistep`) nothing
    /// holds it, and it grows. Published: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub normalise_anchors: bool,
    /// Flow between image anchors and the prior. Published: 20 steps, of DPM-Solver++ for generation, of Euler for representation
    /// learning (paper, Appendices C.3 and D.3).
    #[serde(default = "FlowConfig::image")]
    pub image_flow: FlowConfig,
    /// Flow between label anchors and the prior. Published: Euler, 100 steps (paper, Appendix E.3).
    #[serde(default = "FlowConfig::label")]
    pub label_flow: FlowConfig,
    /// The velocity network that draws images. Without it the model only represents and classifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<VelocityNetConfig>,
    /// The network that gives images their anchors. Without it the decoder is a plain Rectified Flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderConfig>,
    /// The anchors of labels. Without them there is no classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelConfig>,
    /// The networks that read and write texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextConfig>,
    /// Flow between text anchors and the prior; by default that of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_flow: Option<FlowConfig>,
}

fn latent_dim() -> usize {
    200
}

impl ModelConfig {
    /// No networks of ours, but those that a program registers.
    pub(super) fn custom(latent_dim: usize) -> Self {
        Self {
            latent_dim,
            label_conditional: false,
            normalise_anchors: false,
            image_flow: FlowConfig::image(),
            label_flow: FlowConfig::label(),
            decoder: None,
            encoder: None,
            labels: None,
            text: None,
            text_flow: None,
        }
    }

    /// Dimension of the latent that the decoder gets; 0 when nothing encodes images.
    pub fn decoder_latent_dim(&self) -> usize {
        if self.encoder.is_some() { self.latent_dim } else { 0 }
    }

    /// Lets the backward pass compute the insides of all networks anew, or keep them.
    pub fn set_recompute(&mut self, recompute: bool) {
        if let Some(decoder) = &mut self.decoder {
            decoder.recompute = recompute;
        }
        match &mut self.encoder {
            Some(EncoderConfig::Ncsnpp(options)) => options.recompute = recompute,
            Some(EncoderConfig::Resnet(options)) => options.recompute = recompute,
            None => {}
        }
    }

    pub(super) fn check(&self, _data: &DataConfig) -> Result<(), ConfigError> {
        if self.decoder.is_none() && self.encoder.is_none() {
            return Err(invalid("model", "needs a [model.decoder], a [model.encoder], or both"));
        }
        if self.latent_dim == 0 {
            return Err(invalid("model.latent_dim", "must be at least 1"));
        }
        if let Some(EncoderConfig::Resnet(ResNetConfig { groups, .. })) = &self.encoder
            && *groups > 0
            && (self.latent_dim < 2 * groups || !self.latent_dim.is_multiple_of(*groups))
        {
            let least = 2 * groups;
            let rule = format!(
                "must be a multiple of {groups} and at least {least} with this resnet encoder, whose last layer is normalised in \
                 {groups} groups, got {}",
                self.latent_dim
            );
            return Err(invalid("model.latent_dim", rule));
        }
        if self.labels.is_some() && self.encoder.is_none() {
            return Err(invalid("model.labels", "needs model.encoder: labels are aligned with the latents of images"));
        }
        self.image_flow.build("model.image_flow")?;
        self.label_flow.build("model.label_flow")?;
        if let Some(flow) = &self.text_flow {
            flow.build("model.text_flow")?;
        }
        if self.text.as_ref().is_some_and(|text| text.encoder.is_none() && text.decoder.is_none()) {
            return Err(invalid("model.text", "needs a [model.text.encoder], a [model.text.decoder], or both"));
        }
        if self.text.is_some() && self.encoder.is_none() {
            return Err(invalid("model.text", "needs model.encoder: texts are aligned with the latents of images"));
        }
        Ok(())
    }
}

/// An image encoder, by the name of its network: `[model.encoder.ncsnpp]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "EncoderTables")]
pub enum EncoderConfig {
    /// The down path of NCSN++ with a head on every feature map (paper, Appendix C.2).
    Ncsnpp(ImageEncoderConfig),
    /// ResNet with group normalisation and a dense head (paper, Appendix D): the encoder of representation learning.
    Resnet(ResNetConfig),
}

impl EncoderConfig {
    /// Its table in the configuration, for errors.
    pub(crate) fn table(&self) -> &'static str {
        match self {
            Self::Ncsnpp(_) => "model.encoder.ncsnpp",
            Self::Resnet(_) => "model.encoder.resnet",
        }
    }
}

/// [`EncoderConfig`] as it is written: one table per network, of which there must be one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncoderTables {
    ncsnpp: Option<ImageEncoderConfig>,
    resnet: Option<ResNetConfig>,
}

impl TryFrom<EncoderTables> for EncoderConfig {
    type Error = &'static str;

    fn try_from(tables: EncoderTables) -> Result<Self, Self::Error> {
        match (tables.ncsnpp, tables.resnet) {
            (Some(options), None) => Ok(Self::Ncsnpp(options)),
            (None, Some(options)) => Ok(Self::Resnet(options)),
            (None, None) => Err("names no network: write [model.encoder.ncsnpp] or [model.encoder.resnet]"),
            (Some(_), Some(_)) => {
                Err("names two networks: keep one of [model.encoder.ncsnpp] and [model.encoder.resnet]")
            }
        }
    }
}

/// Label anchors: a trainable `[classes, d]` table, drawn from a standard normal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelConfig {
    /// How images get their labels.
    #[serde(skip_serializing_if = "Decision::is_default")]
    pub decision: Decision,
}

/// How the label of an image is decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The image's latent flows back over the label anchors; the nearest one wins (paper, Section 2.3).
    #[default]
    Zones,
    /// The largest inner product of the image's anchor with a label anchor: a linear classifier on the encoder, without zones. The
    /// supervised yardstick of the paper's comparison (paper, Section 5).
    Linear,
}

impl Decision {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Integration scheme of a zone flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SolverKind {
    /// Explicit Euler in the latent time.
    Euler,
    /// DPM-Solver++, multistep, uniform in the latent time.
    DpmSolver,
    /// Adams-Bashforth from where zones begin to mix: more accurate with fewer evaluations, whatever the scale of the anchors
    /// (docs/zoning.md). 6 steps are its default.
    Multistep,
}

/// A zone flow: scheme, steps and end times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowConfig {
    /// Integration scheme.
    pub solver: SolverKind,
    /// Solver steps from one end to the other, 1 to 100,000.
    pub steps: usize,
    /// Order of DPM-Solver++, 1 to 3. Published: 3.
    #[serde(default = "order")]
    pub order: usize,
}

fn order() -> usize {
    3
}

/// Most steps of a flow. Published are up to 100.
const MOST_STEPS: usize = 100_000;

impl FlowConfig {
    fn image() -> Self {
        Self { solver: SolverKind::DpmSolver, steps: 20, order: order() }
    }

    fn label() -> Self {
        Self { solver: SolverKind::Euler, steps: 100, order: order() }
    }

    /// The scheme in words: `multistep, 8 steps`.
    pub fn words(&self) -> String {
        let scheme = match self.solver {
            SolverKind::Euler => "Euler".to_owned(),
            SolverKind::DpmSolver => format!("DPM-Solver++ of order {}", self.order),
            SolverKind::Multistep => "multistep".to_owned(),
        };
        format!("{scheme}, {} steps", self.steps)
    }

    /// Checks the values and builds the flow; `key` is the place in the configuration that an error names.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if there are no steps or too many, or the order is not 1, 2 or 3.
    pub fn build(&self, key: &str) -> Result<ZoneFlow, ConfigError> {
        // The plan of all steps is made at once, so a slip of the pen must not ask for more than there is memory.
        if self.steps > MOST_STEPS {
            return Err(invalid(format!("{key}.steps"), format!("must be at most {MOST_STEPS}, got {}", self.steps)));
        }
        let solver = match self.solver {
            SolverKind::Euler => Solver::euler(self.steps),
            SolverKind::Multistep => Solver::multistep(self.steps),
            SolverKind::DpmSolver => match Solver::dpm(self.steps) {
                Solver::DpmSolver { steps, start, end, .. } => {
                    Solver::DpmSolver { steps, order: self.order, start, end }
                }
                other => other,
            },
        };
        ZoneFlow::new(solver).map_err(|error| invalid(key, format!("describes no flow: {error}")))
    }
}
