//! The trained whole: networks, label anchors and the flows between their zones and the prior.

mod weights;

use std::fmt;

use lzn_encoders::{EncoderError, ImageAnchors, ImageEncoder, LabelAnchors, ResNet};
use lzn_flow::{VelocityField, VelocityNet, VelocityNetInput};
use lzn_latent::ZoneFlow;
use lzn_torch::autograd::recompute;
use lzn_torch::nn::ImageShape;
use lzn_torch::zones::{self, Zones};
use lzn_torch::{ParamStore, Scope};
use tch::{Device, Kind, Tensor};

use crate::TaskError;
use crate::config::{DataConfig, Decision, EncoderConfig, ModelConfig};

pub use weights::Weights;
pub(crate) use weights::misfit;

/// The parts of a model that train, freeze and average on their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartName {
    /// The image encoder.
    Encoder,
    /// The velocity network.
    Decoder,
    /// The label anchors.
    Labels,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Labels => "labels",
        })
    }
}

/// A network with its parameters.
#[derive(Debug)]
pub struct Part<N> {
    /// The network.
    pub net: N,
    /// Its parameters, in registration order.
    pub params: ParamStore,
}

impl<N> Part<N> {
    fn new<E>(params: ParamStore, make: impl FnOnce(&Scope) -> Result<N, E>) -> Result<Self, E> {
        Ok(Self { net: make(&params.root())?, params })
    }
}

/// The network that a configuration names.
fn image_encoder(
    scope: &Scope,
    config: &EncoderConfig,
    image: ImageShape,
    latent_dim: usize,
) -> Result<Box<dyn ImageAnchors>, EncoderError> {
    Ok(match config {
        EncoderConfig::Ncsnpp(options) => Box::new(ImageEncoder::new(scope, options, image, latent_dim)?),
        EncoderConfig::Resnet(options) => Box::new(ResNet::new(scope, options, image, latent_dim)?),
    })
}

/// The image encoder of a configuration with fresh parameters, which `seed` fixes; none if it has no encoder.
///
/// # Errors
/// [`TaskError::Network`] if the network refuses its configuration.
pub(crate) fn encoder_part(
    config: &ModelConfig,
    data: &DataConfig,
    seed: u64,
    device: Device,
) -> Result<Option<Part<Box<dyn ImageAnchors>>>, TaskError> {
    let Some(options) = &config.encoder else { return Ok(None) };
    let image = ImageShape { size: data.image_size, channels: data.channels };
    let params = ParamStore::new(device, seed);
    let made = Part::new(params, |scope| image_encoder(scope, options, image, config.latent_dim));
    made.map(Some).map_err(refused(options.table()))
}

/// What a model without an image encoder says where one is needed.
pub(crate) const NO_ENCODER: TaskError = TaskError::MissingPart { part: "image encoder", key: "model.encoder" };

/// Adds the table of the configuration to what a network says of its keys.
fn refused<E: std::error::Error + Send + Sync + 'static>(table: &'static str) -> impl FnOnce(E) -> TaskError {
    move |source| TaskError::Network { table, source: source.into() }
}

/// A Latent Zoning Network over images and labels: encoders and decoders around one Gaussian latent space.
#[derive(Debug)]
pub struct Lzn {
    /// Size and channels of the images.
    pub image: ImageShape,
    /// Number of classes; 0 without labels.
    pub classes: usize,
    /// Dimension of the latent space.
    pub latent_dim: usize,
    /// Whether the decoder is also given the label.
    pub label_conditional: bool,
    /// Whether all anchors have the norm of a typical draw of the prior.
    pub normalise_anchors: bool,
    /// The velocity network that draws images; none in a model that only represents and classifies.
    pub decoder: Option<Part<VelocityNet>>,
    /// The image encoder; none in the plain Rectified Flow.
    pub encoder: Option<Part<Box<dyn ImageAnchors>>>,
    /// The label anchors; none without classification.
    pub labels: Option<Part<LabelAnchors>>,
    /// Anchors `[N, d]` of training images, against which a single image is zoned: alone it would own the whole prior, and its
    /// latent would say nothing. None without an image encoder, and during training.
    pub bank: Option<Tensor>,
    /// How images get their labels.
    pub decision: Decision,
    /// Images that pass a network at a time in training; none for all. Zones are those of the whole batch all the same.
    pub micro_batch: Option<usize>,
    /// Flow between image anchors and the prior.
    pub image_flow: ZoneFlow,
    /// Flow between label anchors and the prior.
    pub label_flow: ZoneFlow,
    device: Device,
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
        let image = ImageShape { size: data.image_size, channels: data.channels };
        let input = VelocityNetInput {
            image,
            latent_dim: config.decoder_latent_dim(),
            classes: if config.label_conditional { classes } else { 0 },
        };
        if (config.label_conditional || config.labels.is_some()) && classes == 0 {
            return Err(TaskError::NoLabels);
        }
        // Every part has a seed of its own, so that adding a part leaves the others' first values as they were.
        let seed = |part: u64| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(part);
        let store = |part: u64| ParamStore::new(device, seed(part));
        let decoder = config.decoder.as_ref().map(|options| {
            Part::new(store(1), |scope| VelocityNet::new(scope, options, input)).map_err(refused("model.decoder"))
        });
        let labels = config
            .labels
            .as_ref()
            .map(|_| Part::new(store(2), |s| Ok::<_, TaskError>(LabelAnchors::new(s, classes, config.latent_dim))));
        Ok(Self {
            image,
            classes,
            latent_dim: config.latent_dim,
            label_conditional: config.label_conditional,
            normalise_anchors: config.normalise_anchors,
            decoder: decoder.transpose()?,
            encoder: encoder_part(config, data, seed(0), device)?,
            labels: labels.transpose()?,
            bank: None,
            micro_batch: None,
            decision: config.labels.as_ref().map(|labels| labels.decision).unwrap_or_default(),
            image_flow: config.image_flow.build("model.image_flow")?,
            label_flow: config.label_flow.build("model.label_flow")?,
            device,
        })
    }

    /// Where the parameters live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The parameters of the parts that there are, in the order encoder, decoder, labels.
    pub fn parts(&self) -> Vec<(PartName, ParamStore)> {
        let encoder = self.encoder.as_ref().map(|part| (PartName::Encoder, part.params.clone()));
        let decoder = self.decoder.as_ref().map(|part| (PartName::Decoder, part.params.clone()));
        let labels = self.labels.as_ref().map(|part| (PartName::Labels, part.params.clone()));
        [encoder, decoder, labels].into_iter().flatten().collect()
    }

    /// The image encoder.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] if the model has none.
    pub fn encoder(&self) -> Result<&Part<Box<dyn ImageAnchors>>, TaskError> {
        self.encoder.as_ref().ok_or(NO_ENCODER)
    }

    /// The label anchors.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] if the model has none.
    pub fn labels(&self) -> Result<&Part<LabelAnchors>, TaskError> {
        self.labels.as_ref().ok_or(TaskError::MissingPart { part: "label anchors", key: "model.labels" })
    }

    /// Anchors `[B, d]` of images `[B, C, H, W]` in [-1, 1].
    ///
    /// In training with a [`Lzn::micro_batch`] the encoder sees so many images at a time without a graph, and again, with one, in the
    /// backward pass, once the gradients of all anchors are known (Gao et al. 2021, "Scaling deep contrastive learning batch size
    /// under memory limited setup").
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] without an image encoder.
    pub fn image_anchors(&self, images: &Tensor, train: bool) -> Result<Tensor, TaskError> {
        let encoder = self.encoder()?;
        let Some(size) = self.micro_batch_of(images.size()[0]).filter(|_| train) else {
            return Ok(self.placed(encoder.net.forward(images, train)?));
        };
        let parameters = encoder.params.root().trainable();
        let anchors = images.split(size, 0).into_iter().map(|images| {
            let net = encoder.net.share();
            recompute("image encoder", &[&images], &parameters, move |images: &[Tensor]| net.forward(&images[0], train))
        });
        let anchors = anchors.collect::<Result<Vec<_>, _>>()?;
        Ok(self.placed(Tensor::cat(&anchors, 0)))
    }

    /// The size of micro-batches, where a batch of so many images has more than one.
    pub(crate) fn micro_batch_of(&self, images: i64) -> Option<i64> {
        self.micro_batch.map(|size| size.max(1) as i64).filter(|size| *size < images)
    }

    /// Anchors `[classes, d]` of all labels.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] if the model has no label anchors.
    pub fn label_anchors(&self) -> Result<Tensor, TaskError> {
        Ok(self.placed(self.labels()?.net.anchors().shallow_clone()))
    }

    /// Anchors `[N, d]` where the configuration wants them.
    fn placed(&self, anchors: Tensor) -> Tensor {
        if !self.normalise_anchors {
            return anchors;
        }
        // The floor is far below the norm of any anchor that is not zero throughout.
        let norms = anchors.norm_scalaropt_dim(2, [1i64].as_slice(), true).clamp_min(1e-12);
        anchors * (self.latent_dim as f64).sqrt() / norms
    }

    /// Latents `[B, d]` of image anchors `[B, d]`, each flown into the zone of its own anchor among all of them.
    ///
    /// # Errors
    /// [`TaskError`] if the shapes disagree.
    pub fn latents_of_anchors(&self, anchors: &Tensor, noise: &Tensor) -> Result<Tensor, TaskError> {
        let owners = Tensor::arange(anchors.size()[0], (Kind::Int64, anchors.device()));
        Ok(zones::to_latents(&self.image_flow, &Zones { anchors, weights: None }, &owners, noise)?)
    }

    /// Latents `[B, d]` in the zones of labels `[B]`.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] if the model has no label anchors.
    pub fn latents_of_labels(&self, labels: &Tensor, noise: &Tensor) -> Result<Tensor, TaskError> {
        let anchors = self.label_anchors()?;
        Ok(zones::to_latents(&self.label_flow, &Zones { anchors: &anchors, weights: None }, labels, noise)?)
    }

    /// Labels `[B]` to whose zones latents `[B, d]` belong; every label has the same weight.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] if the model has no label anchors.
    pub fn labels_of_latents(&self, latents: &Tensor) -> Result<Tensor, TaskError> {
        let anchors = self.label_anchors()?;
        Ok(zones::decide(&self.label_flow, latents, &Zones { anchors: &anchors, weights: None })?)
    }

    /// Scores `[B, classes]` of image anchors `[B, d]` under the linear classifier: inner products with the label anchors.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] if the model has no label anchors.
    pub fn label_scores(&self, anchors: &Tensor) -> Result<Tensor, TaskError> {
        Ok(anchors.matmul(&self.label_anchors()?.transpose(0, 1)))
    }

    /// The decoder as a velocity field of images, for given latents `[B, d]` and labels `[B]`. What the decoder does not take is
    /// left out.
    ///
    /// # Errors
    /// [`TaskError::MissingPart`] without a decoder.
    pub fn velocity_field<'a>(
        &'a self,
        latents: Option<&Tensor>,
        labels: Option<&Tensor>,
        train: bool,
    ) -> Result<impl VelocityField + use<'a>, TaskError> {
        let missing = TaskError::MissingPart { part: "image decoder", key: "model.decoder" };
        let decoder = &self.decoder.as_ref().ok_or(missing)?.net;
        let latents = latents.filter(|_| self.encoder.is_some()).map(Tensor::shallow_clone);
        let one_hot = labels
            .filter(|_| self.label_conditional)
            .map(|labels| labels.one_hot(self.classes as i64).to_kind(Kind::Float));
        Ok(move |x: &Tensor, t: &Tensor| decoder.forward(x, t, latents.as_ref(), one_hot.as_ref(), train))
    }
}
