//! From tables of a configuration to data types and objectives: the one place that knows which built-in types there are.
//!
//! Everything else asks a model for its types by name. Types of your own are registered by code ([`Lzn::register`]), without a line
//! here.

use lzn_encoders::{EncoderError, ImageAnchors, ImageEncoder as NcsnppEncoder, LabelAnchors, ResNet};
use lzn_flow::{VelocityNet, VelocityNetInput};
use lzn_text::{TextDecoder, TextEncoder};
use lzn_torch::nn::ImageShape;
use lzn_torch::{ParamStore, Scope};
use tch::Device;

use crate::TaskError;
use crate::config::{DataConfig, Decision, EncoderConfig, ModelConfig, ObjectiveConfig, ObjectiveKind, RunConfig};
use crate::data::image_config;
use crate::model::{IMAGE, LABEL, Lzn, TEXT};
use crate::objective::{Align, AlignViews, ClassifyImages, Clip, MoCo, MoCoOptions, Objective, Reconstruct, SimClr};
use crate::train::Term;
use crate::types::image::{ImageDecoder, ImageEncoder, ImageFormat};
use crate::types::label::{LabelDecoder, LabelEncoder, LabelFormat};
use crate::types::text::{TextFormat, TextLookup, TextReader, TextWriter};
use crate::types::{DataType, LatentSpace, Part};

/// What an objective writes in the place of a data type for a second view of every image.
pub(crate) const VIEW: &str = "view";

// How to come by a part, for errors.
const NO_ENCODER: &str = "train the model with a [model.encoder] table";
const NO_DECODER: &str = "train the model with a [model.decoder] table";
const NO_LABELS: &str = "train the model with a [model.labels] table";
const NO_READER: &str = "train the model with a [model.text.encoder] table";
const NO_WRITER: &str = "train the model with a [model.text.decoder] table";

/// What a configuration says of a data type, before anything is built.
pub(crate) struct Declared {
    /// Its name.
    pub(crate) name: &'static str,
    /// Why no samples can be aligned by its zones; none if they can.
    pub(crate) unaligned: Option<&'static str>,
    /// Why its decoder learns nothing by giving samples back; none if it does.
    pub(crate) unlearned: Option<&'static str>,
}

/// The data types that a configuration can speak of.
pub(crate) fn declared(model: &ModelConfig) -> Vec<Declared> {
    let labels = match &model.labels {
        None => Some("alignment with labels needs a [model.labels] table"),
        Some(labels) if labels.decision == Decision::Linear => {
            Some("alignment with labels decides by zones: remove `decision` from [model.labels]")
        }
        Some(_) => None,
    };
    let text = model.text.as_ref();
    vec![
        Declared {
            name: IMAGE,
            unaligned: model.encoder.is_none().then_some("alignment of images needs a [model.encoder] table"),
            unlearned: model.decoder.is_none().then_some("needs a [model.decoder] table"),
        },
        Declared {
            name: LABEL,
            unaligned: labels,
            unlearned: Some("cannot be of labels, which are looked up and not drawn"),
        },
        Declared {
            name: TEXT,
            unaligned: text
                .and_then(|text| text.encoder.as_ref())
                .is_none()
                .then_some("alignment of texts needs a [model.text.encoder] table"),
            unlearned: match text {
                Some(text) if text.encoder.is_some() && text.decoder.is_some() => None,
                _ => Some("of texts needs [model.text.encoder] and [model.text.decoder] tables"),
            },
        },
    ]
}

/// The image network that a configuration names.
fn image_network(
    scope: &Scope,
    config: &EncoderConfig,
    image: ImageShape,
    latent_dim: usize,
) -> Result<Box<dyn ImageAnchors>, EncoderError> {
    Ok(match config {
        EncoderConfig::Ncsnpp(options) => Box::new(NcsnppEncoder::new(scope, options, image, latent_dim)?),
        EncoderConfig::Resnet(options) => Box::new(ResNet::new(scope, options, image, latent_dim)?),
    })
}

/// Adds the table of the configuration to what a network says of its keys.
fn refused<E: std::error::Error + Send + Sync + 'static>(table: &'static str) -> impl FnOnce(E) -> TaskError {
    move |source| TaskError::Network { table, source: source.into() }
}

/// Builds data types of a configuration.
struct Builder<'a> {
    config: &'a ModelConfig,
    data: &'a DataConfig,
    classes: usize,
    seed: u64,
    device: Device,
}

impl Builder<'_> {
    /// Fresh parameters. Every part has a seed of its own, so that adding a part leaves the others' first values as they were.
    fn store(&self, part: u64) -> ParamStore {
        ParamStore::new(self.device, self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(part))
    }

    fn space(&self) -> LatentSpace {
        LatentSpace { dim: self.config.latent_dim, normalise: self.config.normalise_anchors }
    }

    fn shape(&self) -> ImageShape {
        ImageShape { size: self.data.image_size, channels: self.data.channels }
    }

    fn image(&self) -> Result<DataType, TaskError> {
        let config = self.config;
        let flow = config.image_flow.build("model.image_flow")?;
        let format = ImageFormat { config: image_config(self.data), device: self.device };
        let mut image = DataType::new(IMAGE, flow).with_remedies(NO_ENCODER, NO_DECODER).with_format(format);
        if config.encoder.is_some() {
            image = image.with_encoder(ImageEncoder(self.image_encoder()?));
        }
        if let Some(options) = &config.decoder {
            let classes = if config.label_conditional { self.classes } else { 0 };
            let input = VelocityNetInput { image: self.shape(), latent_dim: config.decoder_latent_dim(), classes };
            let part = Part::new(self.store(1), |scope| VelocityNet::new(scope, options, input));
            image = image.with_decoder(
                "rectified-flow",
                ImageDecoder {
                    part: part.map_err(refused("model.decoder"))?,
                    image: self.shape(),
                    latents: config.encoder.is_some(),
                    condition: config.label_conditional.then(|| (LABEL.to_owned(), classes)),
                },
            );
        }
        Ok(image)
    }

    fn text(&self) -> Result<DataType, TaskError> {
        let config = self.config;
        let flow = config.text_flow.as_ref().unwrap_or(&config.image_flow).build("model.text_flow")?;
        let mut text = DataType::new(TEXT, flow.clone()).with_remedies(NO_READER, NO_WRITER).with_format(TextFormat);
        let Some(options) = &config.text else { return Ok(text) };
        let (bytes, dim) = (options.max_bytes, config.latent_dim);
        if let Some(encoder) = &options.encoder {
            let part = Part::new(self.store(3), |scope| TextEncoder::new(scope, encoder, bytes, dim));
            text = text.with_encoder(TextReader(part.map_err(refused("model.text.encoder"))?));
        }
        if let Some(decoder) = &options.decoder {
            let part = Part::new(self.store(4), |scope| TextDecoder::new(scope, decoder, bytes, dim));
            text = text.with_decoder(TextWriter::NAME, TextWriter(part.map_err(refused("model.text.decoder"))?));
        }
        if options.encoder.is_some() {
            text = text.with_decoder(TextLookup::NAME, TextLookup { flow, bank: None });
        }
        Ok(text)
    }

    /// The image encoder with fresh parameters.
    fn image_encoder(&self) -> Result<Part<Box<dyn ImageAnchors>>, TaskError> {
        let missing = || TaskError::NoEncoder { name: IMAGE.to_owned(), remedy: NO_ENCODER };
        let options = self.config.encoder.as_ref().ok_or_else(missing)?;
        let network = |scope: &Scope| image_network(scope, options, self.shape(), self.config.latent_dim);
        Part::new(self.store(0), network).map_err(refused(options.table()))
    }

    fn label(&self) -> Result<DataType, TaskError> {
        let flow = self.config.label_flow.build("model.label_flow")?;
        let names = (0..self.classes).map(|label| label.to_string()).collect();
        let label =
            DataType::new(LABEL, flow.clone()).with_remedies(NO_LABELS, NO_LABELS).with_format(LabelFormat { names });
        let Some(options) = &self.config.labels else { return Ok(label) };
        let table = |scope: &Scope| Ok::<_, TaskError>(LabelAnchors::new(scope, self.classes, self.config.latent_dim));
        let encoder = LabelEncoder(Part::new(self.store(2), table)?);
        let decoder = LabelDecoder::new(&encoder, flow, self.space(), options.decision);
        Ok(label.with_encoder(encoder).with_decoder("zones", decoder))
    }
}

impl Lzn {
    /// Builds the networks with fresh parameters, which `seed` fixes.
    ///
    /// # Errors
    /// [`TaskError`] if a network refuses its configuration; the message names the key.
    pub fn new(
        config: &ModelConfig,
        data: &DataConfig,
        classes: usize,
        seed: u64,
        device: Device,
    ) -> Result<Self, TaskError> {
        if (config.label_conditional || config.labels.is_some()) && classes == 0 {
            return Err(TaskError::NoLabels);
        }
        let builder = Builder { config, data, classes, seed, device };
        let mut model = Self::empty(builder.space(), device);
        model.register(builder.image()?)?;
        model.register(builder.label()?)?;
        if config.text.is_some() {
            model.register(builder.text()?)?;
        }
        Ok(model)
    }

    /// Says what the classes are called, for those who type labels and read them.
    pub(crate) fn set_class_names(&mut self, names: &[String]) {
        if let Ok(label) = self.data_type_mut(LABEL) {
            label.set_format(LabelFormat { names: names.to_vec() });
        }
    }
}

/// The objectives of a run, for its model.
///
/// # Errors
/// [`TaskError`] if the model lacks a part that an objective starts from.
pub(crate) fn objectives(run: &RunConfig, model: &Lzn) -> Result<Vec<Term>, TaskError> {
    let term = |config: &ObjectiveConfig| {
        let schedule = config.schedule.unwrap_or_default();
        Ok(Term { weight: config.weight, schedule, objective: objective(config, run, model)? })
    };
    run.objectives.iter().map(term).collect()
}

fn objective(config: &ObjectiveConfig, run: &RunConfig, model: &Lzn) -> Result<Box<dyn Objective>, TaskError> {
    let (from, to) = (config.from.as_deref().unwrap_or(IMAGE), config.to.as_deref().unwrap_or(LABEL));
    Ok(match config.kind {
        ObjectiveKind::RectifiedFlow => {
            Box::new(Reconstruct { of: IMAGE.to_owned(), name: "rectified_flow".to_owned() })
        }
        ObjectiveKind::Reconstruct => {
            let of = config.of.clone().unwrap_or_default();
            Box::new(Reconstruct { name: format!("reconstruct/{of}"), of })
        }
        ObjectiveKind::Classify => Box::new(ClassifyImages),
        ObjectiveKind::Simclr => {
            Box::new(SimClr { temperature: config.temperature.unwrap_or(SimClr::PUBLISHED_TEMPERATURE) })
        }
        ObjectiveKind::Moco => {
            let published = MoCoOptions::PUBLISHED;
            let options = MoCoOptions {
                temperature: config.temperature.unwrap_or(published.temperature),
                queue: config.queue.unwrap_or(published.queue),
                momentum: config.momentum.unwrap_or(published.momentum),
            };
            let keys = Builder { config: &run.model, data: &run.data, classes: 0, seed: 0, device: model.device() };
            Box::new(MoCo::new(options, keys.image_encoder()?, model, run.seed)?)
        }
        ObjectiveKind::Clip => Box::new(Clip {
            from: from.to_owned(),
            to: to.to_owned(),
            temperature: config.temperature.unwrap_or(Clip::PUBLISHED_TEMPERATURE),
        }),
        ObjectiveKind::Align if to == VIEW => Box::new(AlignViews {
            noise_scale: config.noise_scale.unwrap_or(AlignViews::PUBLISHED_NOISE_SCALE),
            cut_off: config.cut_off,
            form: config.form,
        }),
        ObjectiveKind::Align => Box::new(Align {
            from: from.to_owned(),
            to: to.to_owned(),
            symmetric: config.symmetric,
            noise_scale: config.noise_scale.unwrap_or(1.0),
            cut_off: config.cut_off,
            form: config.form,
            class_weights: config.class_weights,
            observed: match (from, to) {
                // The name that its records have had from the beginning.
                (IMAGE, LABEL) => "accuracy/batch".to_owned(),
                _ => format!("accuracy/{from}-{to}"),
            },
        }),
    })
}
