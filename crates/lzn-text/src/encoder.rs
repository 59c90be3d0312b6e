//! From texts to anchors.

use lzn_torch::Scope;
use lzn_torch::nn::{Linear, NetworkError};
use tch::{Device, Kind, Tensor};

use crate::config::TextEncoderConfig;
use crate::transformer::{Sight, Transformer};
use crate::{TextBatch, TextError};

/// A transformer over the bytes of a text, the mean of its tokens, and a head of two dense layers like those of the image encoder
/// (SiLU between, first values uniform within `1/sqrt(inputs)`), so that anchors of both start on one scale.
///
/// Clones are handles on the same parameters.
#[derive(Debug, Clone)]
pub struct TextEncoder {
    transformer: Transformer,
    hidden: Linear,
    anchor: Linear,
    max_bytes: usize,
    device: Device,
}

impl TextEncoder {
    /// Builds the encoder and registers `transformer.*`, `head.0.*` and `head.1.*`.
    ///
    /// # Errors
    /// [`TextError::Network`] naming the key of a configuration that describes no network.
    pub fn new(
        scope: &Scope,
        config: &TextEncoderConfig,
        max_bytes: usize,
        latent_dim: usize,
    ) -> Result<Self, TextError> {
        NetworkError::require("latent_dim", latent_dim as f64, latent_dim >= 1, "be at least 1")?;
        let transformer = Transformer::new(&(scope / "transformer"), &config.shape(max_bytes)?);
        let (head, width) = (scope / "head", config.width as i64);
        Ok(Self {
            transformer,
            hidden: Linear::uniform(&(&head / 0), width, width),
            anchor: Linear::uniform(&(&head / 1), width, latent_dim as i64),
            max_bytes,
            device: scope.device(),
        })
    }

    /// Most bytes of a text.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Texts as the tokens that this encoder takes.
    ///
    /// # Errors
    /// [`TextError::TooLong`] names the first text of more than `max_bytes` bytes.
    pub fn batch<S: AsRef<str>>(&self, texts: &[S]) -> Result<TextBatch, TextError> {
        TextBatch::new(texts, self.max_bytes, self.device)
    }

    /// The anchor of every text, `[B, d]`; texts of a batch do not see each other, and padding is not seen. `train` switches dropout
    /// on, whose masks come from libtorch's generator.
    ///
    /// # Errors
    /// [`TextError::Network`] when the rows are longer than `max_bytes` allows.
    pub fn forward(&self, texts: &TextBatch, train: bool) -> Result<Tensor, TextError> {
        require_length(texts, self.max_bytes)?;
        let present = texts.present();
        let sight = Sight::Present(present.unsqueeze(1).unsqueeze(1));
        let rows = self.transformer.forward(&self.transformer.embed(texts.tokens()), 0, &sight, train);
        let present = present.to_kind(Kind::Float).unsqueeze(2);
        let sum = (rows * &present).sum_dim_intlist(1, false, Kind::Float);
        let mean = sum / present.sum_dim_intlist(1, false, Kind::Float);
        Ok(self.anchor.forward(&self.hidden.forward(&mean).silu()))
    }
}

/// Refuses rows for which there are no positions.
pub(crate) fn require_length(texts: &TextBatch, max_bytes: usize) -> Result<(), NetworkError> {
    let (got, most) = (texts.tokens().size(), max_bytes + 2);
    if got[1] as usize <= most {
        return Ok(());
    }
    Err(NetworkError::Input { argument: "texts", expected: format!("[B, L] with L at most {most}"), got })
}
