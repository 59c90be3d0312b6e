//! Configuration of `lzn eval`: what is measured, on how much, and by which networks.

use std::path::PathBuf;

use lzn_resize::Protocol;
use serde::{Deserialize, Serialize};

use super::{ProbeConfig, invalid};
use crate::ConfigError;
use crate::evaluate::NamedSampler;

/// Metrics that are computed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricGroup {
    /// Accuracy on the test images, per class, and the zone hit rate.
    Accuracy,
    /// Accuracy over noise scales, numbers of images that share a zoning, and weights of the labels' zones (paper, Figure 25).
    AccuracySweep,
    /// What drawn images are like: Fréchet distance, kernel distance, precision, recall, density, coverage, memorisation, and whether
    /// they show what they were asked for.
    Generation,
    /// L2 error, PSNR and SSIM of images that went through latent and noise and back.
    Reconstruction,
    /// Linear and nearest-neighbour probes on the encoder's features.
    Representation,
    /// Whether images and texts find each other, and whether texts are written for images as they are.
    Retrieval,
}

impl MetricGroup {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Accuracy,
        Self::AccuracySweep,
        Self::Generation,
        Self::Reconstruction,
        Self::Representation,
        Self::Retrieval,
    ];

    /// The name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::AccuracySweep => "accuracy-sweep",
            Self::Generation => "generation",
            Self::Reconstruction => "reconstruction",
            Self::Representation => "representation",
            Self::Retrieval => "retrieval",
        }
    }
}

/// The network whose features are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureNetKind {
    /// With `weights` EfficientNet-Lite0, else a LeNet for labelled images of up to 64 pixels.
    #[default]
    Auto,
    /// A small network, trained on the training images by a fixed recipe before the first use and kept.
    Lenet,
    /// EfficientNet-Lite0, trained on ImageNet; needs `weights`.
    EfficientnetLite0,
    /// The Inception network of the published FID; needs `weights`.
    Inception,
    /// Any network in a TorchScript file, which `weights` names; see `script`.
    Torchscript,
}

/// What a TorchScript file sees of an image, where no named protocol says so.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptInput {
    /// Side in pixels to which images are resized, by Pillow's bicubic filter.
    pub size: usize,
    /// Mean of each channel, of values in [0, 1].
    pub mean: [f32; 3],
    /// Standard deviation of each channel, of values in [0, 1].
    pub std: [f32; 3],
}

impl Default for ScriptInput {
    /// 224 pixels, mean and deviation of ImageNet.
    fn default() -> Self {
        Self { size: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
    }
}

/// Which parameters of a run are measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parameters {
    /// The moving averages.
    #[default]
    Ema,
    /// Those that training has just updated.
    Raw,
    /// First the averages, then the raw ones.
    Both,
}

/// What `lzn eval` measures. Options of the command line replace these values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Which metrics; what the model cannot do is left out.
    pub groups: Vec<MetricGroup>,
    /// Samplers of drawn and reconstructed images: `euler-10`, `heun-20`, `rk45`. Published: `euler-10` and `rk45`.
    pub samplers: Vec<String>,
    /// Drawn images, at least 2. Convention: 50,000.
    pub generated: usize,
    /// Reconstructed test images.
    pub reconstructions: usize,
    /// Latents drawn for each reconstructed image. Published: 20.
    pub draws: usize,
    /// Whose features are compared.
    pub feature_net: FeatureNetKind,
    /// Weights of that network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// How images become inputs: for Inception `clean-fid` (unless given), `pytorch-fid`, `torch-fidelity`, `tfgan` or `adm`; for a
    /// TorchScript file any named protocol, in the place of `script`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// What a TorchScript file sees.
    #[serde(skip_serializing_if = "ScriptInput::is_default")]
    pub script: ScriptInput,
    /// How probes are fitted and judged.
    #[serde(skip_serializing_if = "ProbeConfig::is_default")]
    pub probe: ProbeConfig,
    /// Whether the moving averages are measured, the raw parameters, or both. A file of weights has one of them.
    #[serde(skip_serializing_if = "Parameters::is_default")]
    pub parameters: Parameters,
}

impl ScriptInput {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Parameters {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            groups: vec![MetricGroup::Accuracy],
            samplers: vec!["euler-10".to_owned()],
            generated: 10_000,
            reconstructions: 200,
            draws: 20,
            feature_net: FeatureNetKind::Auto,
            weights: None,
            protocol: None,
            script: ScriptInput::default(),
            probe: ProbeConfig::default(),
            parameters: Parameters::default(),
        }
    }
}

impl MetricsConfig {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The samplers.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] for a name that is none.
    pub fn named_samplers(&self) -> Result<Vec<NamedSampler>, ConfigError> {
        let parse = |name: &String| name.parse().map_err(|rule: String| invalid("evaluate.metrics.samplers", rule));
        self.samplers.iter().map(parse).collect()
    }

    /// How images become inputs of a network that leaves the choice; `None` if nothing is said.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] for a name that is none, or a protocol of another size than Inception's.
    pub fn named_protocol(&self) -> Result<Option<Protocol>, ConfigError> {
        let Some(name) = &self.protocol else { return Ok(None) };
        let inception = self.feature_net == FeatureNetKind::Inception;
        let fits = |protocol: &&Protocol| !inception || protocol.size == Protocol::CLEAN_FID.size;
        if let Some(found) = Protocol::find(name).filter(fits) {
            return Ok(Some(found.clone()));
        }
        let known: Vec<_> = Protocol::NAMED.into_iter().filter(fits).map(|protocol| protocol.name.as_ref()).collect();
        Err(invalid("evaluate.metrics.protocol", format!("must be one of {}, got `{name}`", known.join(", "))))
    }

    /// Whether a LeNet, trained on the data, makes the features.
    pub fn trains_lenet(&self) -> bool {
        match self.feature_net {
            FeatureNetKind::Lenet => true,
            FeatureNetKind::Auto => self.weights.is_none(),
            FeatureNetKind::EfficientnetLite0 | FeatureNetKind::Inception | FeatureNetKind::Torchscript => false,
        }
    }

    /// Checks all ranges.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] names the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.named_samplers()?;
        self.named_protocol()?;
        self.probe.check()?;
        if self.script.std.iter().any(|std| !(std.is_finite() && *std > 0.0)) {
            let rule = format!("must be three numbers greater than 0, got {:?}", self.script.std);
            return Err(invalid("evaluate.metrics.script.std", rule));
        }
        for (key, value, least) in [
            ("generated", self.generated, 2),
            ("reconstructions", self.reconstructions, 1),
            ("draws", self.draws, 1),
            ("samplers", self.samplers.len(), 1),
            ("script.size", self.script.size, 1),
        ] {
            if value < least {
                return Err(invalid(
                    format!("evaluate.metrics.{key}"),
                    format!("must be at least {least}, got {value}"),
                ));
            }
        }
        Ok(())
    }
}
