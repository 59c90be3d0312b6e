//! Texts: an anchor for each distinct text, and a network that writes them from latents.

use std::collections::HashMap;

use lzn_random::Purpose;
use lzn_text::{TextBank, TextDecoder, TextEncoder, Writing};
use lzn_torch::ParamStore;
use tch::Tensor;

use super::{Decoder, Encoder, Format, Given, Part, PartName, Pass, Placed, Samples, Typed};
use crate::TaskError;
use crate::task::TaskOptions;

/// Texts to anchors. Equal texts of a batch share one anchor and one zone, which weighs as much as they are.
#[derive(Debug)]
pub struct TextReader(pub Part<TextEncoder>);

impl Encoder for TextReader {
    fn place(&self, samples: &Samples, pass: Pass) -> Result<Placed, TaskError> {
        let texts = samples.texts()?;
        let distinct = TextBank::distinct(texts);
        let rows: HashMap<&str, i64> = distinct.iter().map(String::as_str).zip(0..).collect();
        let owners: Vec<i64> = texts.iter().filter_map(|text| rows.get(text.as_str()).copied()).collect();
        let net = &self.0.net;
        let anchors = net.forward(&net.batch(&distinct)?, pass.train)?;
        let owners = Tensor::from_slice(&owners).to_device(anchors.device());
        Ok(Placed::shared(anchors, owners))
    }

    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        vec![(PartName::new("text.encoder"), self.0.params.clone())]
    }
}

/// Latents to texts, written byte by byte: the likeliest at temperature 0, else drawn.
#[derive(Debug)]
pub struct TextWriter(pub Part<TextDecoder>);

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
