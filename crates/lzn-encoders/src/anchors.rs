//! What every image encoder is.

use std::fmt::Debug;

use tch::Tensor;

use crate::EncoderError;

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

    /// Another handle on the same network with the same parameters, for a backward pass that runs it again.
    fn share(&self) -> Box<dyn ImageAnchors>;
}
