//! Names for what measurements of images and labels ask of a model: each is one of its data types, by its parts.

use lzn_encoders::{ImageAnchors, LabelAnchors, Represented};
use lzn_flow::{VelocityField, VelocityNet};
use lzn_latent::ZoneFlow;
use lzn_torch::nn::ImageShape;
use tch::{Kind, Tensor};

use super::Lzn;
use crate::TaskError;
use crate::config::Decision;
use crate::run::signals;
use crate::task::{Run, TaskOptions};
use crate::types::image::{ImageDecoder, ImageEncoder};
use crate::types::label::{LabelDecoder, LabelEncoder};
use crate::types::{Part, Pass, Placed, Samples, none};

/// The name of images among the data types.
pub const IMAGE: &str = "image";
/// The name of class labels among the data types.
pub const LABEL: &str = "label";
/// The name of texts among the data types.
pub const TEXT: &str = "text";

impl Lzn {
    fn image_decoder(&self) -> Option<&ImageDecoder> {
        self.data_type(IMAGE).ok()?.decoder_as()
    }

    fn need_image_decoder(&self) -> Result<&ImageDecoder, TaskError> {
        self.data_type(IMAGE)?.decoder(None)?;
        self.image_decoder().ok_or(TaskError::Samples { wanted: "a velocity network", got: "another decoder" })
    }

    fn label_decoder(&self) -> Result<&LabelDecoder, TaskError> {
        let labels = self.data_type(LABEL)?;
        labels.decoder(None)?;
        let foreign = TaskError::Samples { wanted: "the zones of label anchors", got: "another decoder" };
        labels.decoder_as().ok_or(foreign)
    }

    /// The image encoder; none in the plain Rectified Flow.
    pub fn encoder(&self) -> Option<&Part<Box<dyn ImageAnchors>>> {
        Some(&self.data_type(IMAGE).ok()?.encoder_as::<ImageEncoder>()?.0)
    }

    /// The image encoder, where one is needed.
    ///
    /// # Errors
    /// [`TaskError::NoEncoder`] says how to come by one.
    pub(crate) fn need_encoder(&self) -> Result<&Part<Box<dyn ImageAnchors>>, TaskError> {
        self.data_type(IMAGE)?.encoder()?;
        self.encoder().ok_or(TaskError::Samples { wanted: "a network of images", got: "another encoder" })
    }

    /// The velocity network that draws images; none in a model that only represents and classifies.
    pub fn decoder(&self) -> Option<&Part<VelocityNet>> {
        Some(&self.image_decoder()?.part)
    }

    /// The label anchors; none without classification.
    pub fn labels(&self) -> Option<&Part<LabelAnchors>> {
        Some(&self.data_type(LABEL).ok()?.encoder_as::<LabelEncoder>()?.0)
    }

    /// Size and channels of the images that the model draws.
    ///
    /// # Errors
    /// [`TaskError::NoDecoder`] without a decoder.
    pub fn image(&self) -> Result<ImageShape, TaskError> {
        Ok(self.need_image_decoder()?.image)
    }

    /// Number of classes that label anchors or the decoder know; 0 without labels.
    pub fn classes(&self) -> usize {
        let anchors = self.labels().map(|part| part.net.anchors().size()[0] as usize);
        anchors.or_else(|| Some(self.image_decoder()?.condition.as_ref()?.1)).unwrap_or(0)
    }

    /// Whether the image decoder is also given the label.
    pub fn label_conditional(&self) -> bool {
        self.image_decoder().is_some_and(|decoder| decoder.condition.is_some())
    }

    /// How images get their labels.
    pub fn decision(&self) -> Decision {
        self.label_decoder().map(LabelDecoder::decision).unwrap_or_default()
    }

    /// Anchors `[N, d]` of training images, against which a single image is zoned.
    pub fn bank(&self) -> Option<&Tensor> {
        self.data_type(IMAGE).ok()?.bank.as_ref().map(|bank| &bank.anchors)
    }

    /// Flow between image anchors and the prior.
    ///
    /// # Errors
    /// [`TaskError::NoType`] in a model without images.
    pub fn image_flow(&self) -> Result<&ZoneFlow, TaskError> {
        Ok(self.data_type(IMAGE)?.flow())
    }

    /// Flow between label anchors and the prior.
    ///
    /// # Errors
    /// [`TaskError::NoType`] in a model without labels.
    pub fn label_flow(&self) -> Result<&ZoneFlow, TaskError> {
        Ok(self.data_type(LABEL)?.flow())
    }

    /// Anchors `[B, d]` of images `[B, C, H, W]` in [-1, 1].
    ///
    /// # Errors
    /// [`TaskError::NoEncoder`] without an image encoder.
    pub fn image_anchors(&self, images: &Tensor, train: bool) -> Result<Tensor, TaskError> {
        let pass = if train { self.training_pass() } else { Pass::USE };
        Ok(self.place(IMAGE, &Samples::Rows(images.shallow_clone()), pass)?.anchors)
    }

    /// Anchors `[B, d]` of images `[B, C, H, W]` in [-1, 1], `batch_size` of them at a time and without gradients: the
    /// representation that needs no other images beside it.
    ///
    /// # Errors
    /// [`TaskError::NoEncoder`] without an image encoder.
    pub fn anchors(&self, images: &Tensor, batch_size: usize) -> Result<Tensor, TaskError> {
        if images.size()[0] == 0 {
            return Ok(none(&[self.space.dim as i64], Kind::Float, self.device()));
        }
        let pass = Pass { train: false, piece: Some(batch_size.max(1) as i64) };
        tch::no_grad(|| Ok(self.place(IMAGE, &Samples::Rows(images.shallow_clone()), pass)?.anchors))
    }

    /// Anchors `[B, d]` of images outside of training, and the encoder's features `[B, F]` before them, without gradients.
    ///
    /// # Errors
    /// [`TaskError::NoEncoder`] without an image encoder; as [`signals::check`].
    pub fn represent(&self, images: &Tensor) -> Result<Represented, TaskError> {
        signals::check()?;
        let encoder = self.need_encoder()?;
        let Represented { features, anchors } = tch::no_grad(|| encoder.net.represent(images))?;
        Ok(Represented { features, anchors: tch::no_grad(|| self.space.place(anchors)) })
    }

    /// Anchors `[classes, d]` of all labels.
    ///
    /// # Errors
    /// [`TaskError::NoEncoder`] or [`TaskError::NoType`] if the model has no label anchors.
    pub fn label_anchors(&self) -> Result<Tensor, TaskError> {
        Ok(self.label_decoder()?.anchors())
    }

    /// Latents `[B, d]` of image anchors `[B, d]`, each flown into the zone of its own anchor among all of them.
    ///
    /// # Errors
    /// [`TaskError`] if the shapes disagree.
    pub fn latents_of_anchors(&self, anchors: &Tensor, noise: &Tensor) -> Result<Tensor, TaskError> {
        self.latents_of(IMAGE, &Placed::each(anchors.shallow_clone()), None, noise)
    }

    /// Labels `[B]` to whose zones latents `[B, d]` belong.
    ///
    /// # Errors
    /// [`TaskError::NoType`] if the model has no label anchors.
    pub fn labels_of_latents(&self, latents: &Tensor) -> Result<Tensor, TaskError> {
        self.label_decoder()?.by_zones(latents)
    }

    /// Scores `[B, classes]` of image anchors `[B, d]` under the linear classifier: inner products with the label anchors.
    ///
    /// # Errors
    /// [`TaskError::NoType`] if the model has no label anchors.
    pub fn label_scores(&self, anchors: &Tensor) -> Result<Tensor, TaskError> {
        Ok(self.label_decoder()?.scores(anchors))
    }

    /// The decoder as a velocity field of images, for given latents `[B, d]` and labels `[B]`. What the decoder does not take is
    /// left out.
    ///
    /// # Errors
    /// [`TaskError::NoDecoder`] without a decoder.
    pub fn velocity_field<'a>(
        &'a self,
        latents: Option<&Tensor>,
        labels: Option<&Tensor>,
        train: bool,
    ) -> Result<impl VelocityField + use<'a>, TaskError> {
        Ok(self.need_image_decoder()?.field(latents, labels, train))
    }

    /// How the zone of each image is shared by the zones of the labels, `[B, classes]`: the part of `draws` latents from all over
    /// the image's zone that each label decides. An image that the model is sure of lies in one label's zone as a whole. Of a linear
    /// classifier, which has no zones, the softmax of its scores.
    ///
    /// # Errors
    /// As [`Lzn::run`].
    pub fn label_shares(&self, images: &Tensor, draws: usize, options: &TaskOptions) -> Result<Tensor, TaskError> {
        tch::no_grad(|| {
            let anchors = self.anchors(images, options.batch_size)?;
            if self.decision() == Decision::Linear {
                return Ok(self.label_scores(&anchors)?.softmax(1, Kind::Float));
            }
            let count = images.size()[0];
            let latents = Run::new(self, options).latents_of_each(IMAGE, &Placed::each(anchors), draws)?;
            let decided = self.labels_of_latents(&latents)?.one_hot(self.classes() as i64).to_kind(Kind::Float);
            Ok(decided.view([count, draws as i64, -1]).mean_dim([1].as_slice(), false, Kind::Float))
        })
    }
}
