//! A tiny model of images, labels, and words: a type of this test alone, registered as any program would.

use std::path::Path;

use lzn_flow::Sampler;
use lzn_latent::{Solver, ZoneFlow};
use lzn_random::{Purpose, Stream};
use lzn_tasks::config::{Override, RunConfig};
use lzn_tasks::task::{Input, TaskOptions};
use lzn_tasks::types::{Bank, DataType, Decoder, Encoder, Given, LatentSpace, PartName, Pass, Placed, Samples};
use lzn_tasks::{IMAGE, Lzn, TaskError};
use lzn_torch::zones::{self, Zones};
use lzn_torch::{Init, ParamStore};
use tch::{Device, Kind, Tensor};

/// Dimension of the latent space.
pub(crate) const DIM: i64 = 6;
/// The name of the type of this test.
pub(crate) const WORD: &str = "word";
/// All words that there are.
pub(crate) const WORDS: [&str; 5] = ["red", "green", "blue", "dark", "light"];

/// Words to anchors: rows of a table, of which only those in the batch cut the prior.
#[derive(Debug)]
pub(crate) struct WordEncoder {
    params: ParamStore,
    table: Tensor,
}

impl WordEncoder {
    pub(crate) fn new() -> Self {
        let params = ParamStore::new(Device::Cpu, 5);
        let table = params.root().param("table", &[WORDS.len() as i64, DIM], Init::Normal { std: 1.0 });
        Self { params, table }
    }
}

impl Encoder for WordEncoder {
    fn place(&self, samples: &Samples, _: Pass) -> Result<Placed, TaskError> {
        let place = |word: &String| WORDS.iter().position(|known| known == word).unwrap() as i64;
        let rows: Vec<i64> = samples.texts()?.iter().map(place).collect();
        let mut present = rows.clone();
        present.sort_unstable();
        present.dedup();
        let owners: Vec<i64> =
            rows.iter().map(|row| present.iter().position(|known| known == row).unwrap() as i64).collect();
        let anchors = self.table.index_select(0, &Tensor::from_slice(&present));
        Ok(Placed::shared(anchors, Tensor::from_slice(&owners)))
    }

    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        vec![(PartName::new("word"), self.params.clone())]
    }
}

/// Latents to words: the one in whose zone a latent lies.
#[derive(Debug)]
pub(crate) struct WordDecoder {
    flow: ZoneFlow,
    table: Tensor,
}

impl Decoder for WordDecoder {
    fn decode(&self, given: &Given, _: &TaskOptions) -> Result<Samples, TaskError> {
        let latents = given.points()?;
        if given.count() == 0 {
            return Ok(Samples::Texts(Vec::new()));
        }
        let rows = zones::decide(&self.flow, latents, &Zones { anchors: &self.table, weights: None })?;
        let rows = Vec::<i64>::try_from(rows)?;
        Ok(Samples::Texts(rows.into_iter().map(|row| WORDS[row as usize].to_owned()).collect()))
    }
}

fn flow() -> ZoneFlow {
    ZoneFlow::new(Solver::multistep(12)).unwrap()
}

/// The type of words; a bank of all of them is company to those of a request.
pub(crate) fn words() -> DataType {
    let encoder = WordEncoder::new();
    let decoder = WordDecoder { flow: flow(), table: encoder.table.shallow_clone() };
    let bank = Some(Bank::equal(encoder.table.detach()));
    let mut words = DataType::new(WORD, flow()).with_encoder(encoder).with_decoder("nearest", decoder);
    words.bank = bank;
    words
}

/// The configuration of the joint model with these overrides.
pub(crate) fn config(sets: &[&str]) -> RunConfig {
    let fixed = [
        "data.path='nowhere'",
        "model.label_flow={solver=\"multistep\",steps=12}",
        "model.image_flow={solver=\"multistep\",steps=12}",
        "model.encoder.ncsnpp.dropout=0.0",
        "model.decoder.dropout=0.0",
    ];
    let sets: Vec<Override> = fixed.iter().chain(sets).map(|set| set.parse().unwrap()).collect();
    RunConfig::parse(include_str!("../training/joint.toml"), Path::new("test.toml"), &sets).unwrap()
}

/// Images, labels and words around one latent space, with a bank of images.
pub(crate) fn model() -> Lzn {
    with(&[])
}

/// The same with a decoder that is told no labels.
pub(crate) fn unconditional() -> Lzn {
    with(&["model.label_conditional=false"])
}

fn with(sets: &[&str]) -> Lzn {
    let config = config(sets);
    let mut model = Lzn::new(&config.model, &config.data, 2, 3, Device::Cpu).unwrap();
    model.data_type_mut(IMAGE).unwrap().bank = Some(Bank::equal(normal("bank", &[20, DIM]) * 0.1));
    model.register(words()).unwrap();
    model
}

/// A model with nothing in it.
pub(crate) fn empty() -> Lzn {
    Lzn::empty(LatentSpace { dim: DIM as usize, normalise: false }, Device::Cpu)
}

/// Standard normal numbers.
pub(crate) fn normal(name: &str, shape: &[i64]) -> Tensor {
    let count = shape.iter().product::<i64>() as usize;
    Tensor::from_slice(&Stream::new(0, Purpose::new(name), [0; 3]).normals(count)).view(shape)
}

/// Images `[count, 1, 8, 8]`.
pub(crate) fn images(count: i64) -> Tensor {
    normal("images", &[count, 1, 8, 8]).clamp(-1.0, 1.0)
}

/// Labels.
pub(crate) fn labels(labels: &[i64]) -> Input {
    Samples::from(labels).into()
}

/// Words.
pub(crate) fn texts(words: &[&str]) -> Input {
    Samples::from(words).into()
}

/// Few steps, and so many samples at a time.
pub(crate) fn options(batch_size: usize) -> TaskOptions {
    TaskOptions { seed: 4, batch_size, sampler: Sampler::Euler { steps: 2 }, ..TaskOptions::default() }
}

/// Kind and shape of a row, for what is made of a type.
pub(crate) fn looks(samples: &Samples) -> (Option<Kind>, Vec<i64>) {
    match samples {
        Samples::Rows(rows) => (Some(rows.kind()), rows.size()[1..].to_vec()),
        Samples::Texts(_) => (None, Vec::new()),
    }
}
