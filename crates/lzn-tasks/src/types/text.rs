//! Texts: an anchor for each distinct text, a network that writes them from latents, and a bank in which latents look them up.

use lzn_latent::ZoneFlow;
use lzn_random::Purpose;
use lzn_text::{TextBank, TextDecoder, TextEncoder, Writing};
use lzn_torch::ParamStore;
use lzn_torch::zones;
use tch::{Kind, Tensor};

use super::{Decoder, Encoder, Format, Given, Part, PartName, Pass, Placed, Ranked, Samples, Typed};
use crate::TaskError;
use crate::task::TaskOptions;

/// Texts to anchors. Equal texts of a batch share one anchor and one zone, which weighs as much as they are.
#[derive(Debug)]
pub struct TextReader(pub Part<TextEncoder>);

impl Encoder for TextReader {
    fn place(&self, samples: &Samples, pass: Pass) -> Result<Placed, TaskError> {
        let texts = samples.texts()?;
        let (distinct, owners) = TextBank::numbered(texts);
        let owners: Vec<i64> = owners.into_iter().map(|owner| owner as i64).collect();
        let net = &self.0.net;
        let anchors = net.forward(&net.batch(&distinct)?, pass.train)?;
        let owners = Tensor::from_slice(&owners).to_device(anchors.device());
        Ok(Placed::shared(anchors, owners).told_apart_by(distinct))
    }

    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        vec![(PartName::new("text.encoder"), self.0.params.clone())]
    }
}

/// Latents to texts, written byte by byte: the likeliest at temperature 0, else drawn.
#[derive(Debug)]
pub struct TextWriter(pub Part<TextDecoder>);

impl TextWriter {
    /// The name of the decoder.
    pub const NAME: &str = "generation";
}

impl Decoder for TextWriter {
    fn decode(&self, given: &Given, options: &TaskOptions) -> Result<Samples, TaskError> {
        let latents = given.points()?;
        if given.numbers.is_empty() {
            return Ok(Samples::Texts(Vec::new()));
        }
        let writing = Writing { temperature: options.temperature, ..Writing::default() };
        let mut streams = given.streams(options.seed, Purpose::SAMPLE_TEXT);
        Ok(Samples::Texts(self.0.net.generate(latents, &writing, &mut streams)?))
    }

    /// Cross-entropy of each next byte.
    fn loss(&self, samples: &Samples, given: &Given, _: &[Tensor]) -> Option<Result<Tensor, TaskError>> {
        let net = &self.0.net;
        Some(samples.texts().and_then(|texts| Ok(net.loss(given.points()?, &net.batch(texts)?, true)?)))
    }

    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        vec![(PartName::new("text.decoder"), self.0.params.clone())]
    }
}

/// Latents to texts of a bank: the one in whose zone a latent lies. Texts weigh as their bank says.
#[derive(Debug)]
pub struct TextLookup {
    /// From the zones of the bank to the prior and back.
    pub flow: ZoneFlow,
    /// The texts with their anchors; none before there are any.
    pub bank: Option<TextBank>,
}

impl TextLookup {
    /// The name of the decoder.
    pub const NAME: &str = "retrieval";

    fn bank(&self) -> Result<&TextBank, TaskError> {
        self.bank.as_ref().ok_or(TaskError::NoBank)
    }

    /// The `most` likeliest texts of each latent, with their probabilities at the anchors' end of the flow.
    fn find(&self, latents: &Tensor, most: usize) -> Result<Ranked, TaskError> {
        let bank = self.bank()?;
        let log_probs = zones::final_log_probs(&self.flow, &latents.to_device(bank.anchors().device()), &bank.zones())?;
        let found = bank.top_k(&log_probs, most)?.into_iter().flatten();
        let (texts, probabilities): (Vec<_>, Vec<f64>) = found.map(|found| (found.text, found.probability)).unzip();
        let each = most.min(bank.texts().len()) as i64;
        let probabilities = Tensor::from_slice(&probabilities).to_kind(Kind::Float).view([-1, each]);
        Ok(Ranked { samples: Samples::Texts(texts), probabilities })
    }
}

impl Decoder for TextLookup {
    fn decode(&self, given: &Given, _: &TaskOptions) -> Result<Samples, TaskError> {
        if given.numbers.is_empty() {
            return Ok(Samples::Texts(Vec::new()));
        }
        Ok(self.find(given.points()?, 1)?.samples)
    }

    fn rank(&self, latents: &Tensor, most: usize) -> Option<Result<Ranked, TaskError>> {
        Some(self.find(latents, most))
    }
}

/// Texts as they are typed.
#[derive(Debug)]
pub struct TextFormat;

impl Format for TextFormat {
    fn hint(&self) -> String {
        "WORDS, in quotes if there are spaces".to_owned()
    }

    fn parse(&self, value: &str) -> Result<Typed, TaskError> {
        Ok(Typed { samples: Samples::from([value].as_slice()), names: vec![value.to_owned()] })
    }

    fn lines(&self, samples: &Samples) -> Option<Result<Vec<String>, TaskError>> {
        // What is written may hold ends of lines; a line is a sample.
        let line = |text: &String| text.replace(['\n', '\r'], " ");
        Some(samples.texts().map(|texts| texts.iter().map(line).collect()))
    }
}
