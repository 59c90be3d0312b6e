//! From latents to texts, byte by byte.

use lzn_random::Stream;
use lzn_torch::Scope;
use lzn_torch::nn::{Linear, NetworkError};
use tch::{Device, Kind, Reduction, Tensor};

use crate::choice::{Writer, Writing};
use crate::config::TextDecoderConfig;
use crate::encoder::require_length;
use crate::tokens::{BEGIN, PADDING, VOCABULARY};
use crate::transformer::{Sight, Transformer};
use crate::{TextBatch, TextError};

/// An autoregressive transformer. The latent becomes some tokens before the text, which all of the text sees.
///
/// Clones are handles on the same parameters.
#[derive(Debug, Clone)]
pub struct TextDecoder {
    prefix: Linear,
    transformer: Transformer,
    output: Linear,
    latent_dim: i64,
    max_bytes: usize,
    prefix_tokens: i64,
    width: i64,
    device: Device,
}

impl TextDecoder {
    /// Builds the decoder and registers `prefix.*`, `transformer.*` and `output.*`.
    ///
    /// # Errors
    /// [`TextError::Network`] naming the key of a configuration that describes no network.
    pub fn new(
        scope: &Scope,
        config: &TextDecoderConfig,
        max_bytes: usize,
        latent_dim: usize,
    ) -> Result<Self, TextError> {
        let shape = config.shape(max_bytes)?;
        NetworkError::require("latent_dim", latent_dim as f64, latent_dim >= 1, "be at least 1")?;
        let (latent_dim, width, count) = (latent_dim as i64, config.width as i64, config.prefix_tokens as i64);
        Ok(Self {
            prefix: Linear::new(&(scope / "prefix"), latent_dim, count * width),
            transformer: Transformer::new(&(scope / "transformer"), &shape),
            output: Linear::new(&(scope / "output"), width, VOCABULARY),
            latent_dim,
            max_bytes,
            device: scope.device(),
            prefix_tokens: count,
            width,
        })
    }

    /// Most bytes of a text.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Texts as the tokens that this decoder takes.
    ///
    /// # Errors
    /// [`TextError::TooLong`] names the first text of more than `max_bytes` bytes.
    pub fn batch<S: AsRef<str>>(&self, texts: &[S]) -> Result<TextBatch, TextError> {
        TextBatch::new(texts, self.max_bytes, self.device)
    }

    /// What is said after each token: `[B, L - 1, VOCABULARY]`, scores before softmax; row `i` of them is computed from the latent and the
    /// first `i + 1` tokens alone.
    ///
    /// # Shapes
    /// `latents: [B, d]`; `texts` of `B` rows of `L` tokens. `train` switches dropout on.
    ///
    /// # Errors
    /// [`TextError::Network`] when the shapes do not fit.
    pub fn scores(&self, latents: &Tensor, texts: &TextBatch, train: bool) -> Result<Tensor, TextError> {
        NetworkError::require_shape("latents", latents, &[texts.len() as i64, self.latent_dim])?;
        require_length(texts, self.max_bytes)?;
        let (read, _) = texts.shifted();
        let x = Tensor::cat(&[self.prefix(latents), self.transformer.embed(&read)], 1);
        // Padding comes after all that is real, so that nothing real sees it.
        let rows = self.transformer.forward(&x, 0, &Sight::Earlier, train);
        Ok(self.output.forward(&rows.narrow(1, self.prefix_tokens, read.size()[1])))
    }

    /// Cross-entropy in nats per byte (its end is one more), the mean of each text and of these the mean: texts count alike whatever their
    /// lengths, padding does not count, and the loss of a batch is the mean of the losses of its pieces. A scalar with a gradient; 0 of no
    /// texts.
    ///
    /// # Errors
    /// As [`TextDecoder::scores`].
    pub fn loss(&self, latents: &Tensor, texts: &TextBatch, train: bool) -> Result<Tensor, TextError> {
        let scores = self.scores(latents, texts, train)?;
        let (_, said) = texts.shifted();
        // Logarithms of probabilities need all digits, whatever the network computes in.
        let flat = scores.reshape([-1, VOCABULARY]).to_kind(Kind::Float);
        // What is not to be said is ignored, and gives 0.
        let each = flat.cross_entropy_loss::<Tensor>(&said.reshape([-1]), None, Reduction::None, PADDING, 0.0);
        let sums = each.view_as(&said).sum_dim_intlist(1, false, Kind::Float);
        let counts = said.ne(PADDING).sum_dim_intlist(1, false, Kind::Float);
        Ok((sums / counts).sum(Kind::Float) / texts.len().max(1) as f64)
    }

    /// Writes one text for each of `latents [B, d]`, without gradients: at most `max_bytes` bytes, and valid UTF-8, since what cannot follow in
    /// UTF-8 is never chosen, and no character is begun that there is no room for.
    ///
    /// Row `i` draws from `streams[i]` alone, once for each byte, and greedy writing draws nothing; so a text does not depend on its
    /// batch, up to the rounding of scores.
    ///
    /// # Errors
    /// [`TextError::Network`] when the shape does not fit; [`TextError::Setting`] for a temperature or number of choices that means nothing.
    pub fn generate(
        &self,
        latents: &Tensor,
        writing: &Writing,
        streams: &mut [Stream],
    ) -> Result<Vec<String>, TextError> {
        NetworkError::require_shape("latents", latents, &[-1, self.latent_dim])?;
        writing.check()?;
        let count = latents.size()[0];
        if streams.len() != count as usize {
            return Err(TextError::Streams { streams: streams.len(), rows: count as usize });
        }
        let mut writers: Vec<Writer<'_>> =
            streams.iter_mut().map(|stream| Writer::new(writing, stream, self.max_bytes)).collect();
        tch::no_grad(|| self.write(latents, &mut writers))?;
        Ok(writers.into_iter().map(Writer::finish).collect())
    }

    /// Asks the network for the scores of the next byte until all writers are done.
    fn write(&self, latents: &Tensor, writers: &mut [Writer<'_>]) -> Result<(), TextError> {
        let begin = Tensor::full([latents.size()[0], 1], BEGIN, (Kind::Int64, latents.device()));
        let mut x = Tensor::cat(&[self.prefix(latents), self.transformer.embed(&begin)], 1);
        let (mut memory, mut start) = (self.transformer.memory(), 0);
        while writers.iter().any(|writer| !writer.is_done()) {
            let rows = self.transformer.resume(&x, start, &mut memory);
            start += x.size()[1];
            let scores = self.output.forward(&rows.select(1, -1)).to_device(Device::Cpu).contiguous();
            let scores: Vec<f32> = scores.view([-1]).try_into()?;
            let rows = scores.chunks_exact(VOCABULARY as usize).zip(writers.iter_mut());
            let next: Vec<i64> = rows.map(|(scores, writer)| writer.choose(scores)).collect();
            x = self.transformer.embed(&Tensor::from_slice(&next).to_device(latents.device()).unsqueeze(1));
        }
        Ok(())
    }

    /// `[B, d]` to `[B, prefix_tokens, width]`.
    fn prefix(&self, latents: &Tensor) -> Tensor {
        self.prefix.forward(latents).view([-1, self.prefix_tokens, self.width])
    }
}
