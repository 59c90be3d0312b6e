//! What every image encoder is.

use std::fmt::Debug;

use tch::Tensor;

use crate::EncoderError;

/// What an encoder makes of images.
#[derive(Debug)]
pub struct Represented {
    /// What the encoder knows of each image before the head that makes an anchor of it, `[B, F]`: the representation that probes do best
    /// on.
    pub features: Tensor,
    /// The anchors, `[B, d]`.
    pub anchors: Tensor,
}

/// A network that gives images their anchors.
///
/// This is where encoders of other shapes come in: the model holds one as a trait object and asks for nothing else.
pub trait ImageAnchors: Debug + Send {
    /// The anchor of every image; samples of a batch do not see each other.
    ///
    /// # Shapes
    /// `images`: `[B, C, H, W]` float32 in `[-1, 1]`; result `[B, d]`. `train` switches on what only training does, such as dropout.
    ///
    /// # Errors
    /// [`EncoderError::Network`] when the shape does not fit.
    fn forward(&self, images: &Tensor, train: bool) -> Result<Tensor, EncoderError>;

    /// Anchors, as [`ImageAnchors::forward`] gives them outside of training, and the features before them. An encoder without anything
    /// before its anchors needs nothing of its own: they are its features.
    ///
    /// # Errors
    /// As [`ImageAnchors::forward`].
    fn represent(&self, images: &Tensor) -> Result<Represented, EncoderError> {
        let anchors = self.forward(images, false)?;
        Ok(Represented { features: anchors.shallow_clone(), anchors })
    }

    /// Another handle on the same network with the same parameters, for a backward pass that runs it again.
    fn share(&self) -> Box<dyn ImageAnchors>;
}
