//! Data types: how samples of one kind become anchors, how latents become samples, and how both are written down.
//!
//! A [`DataType`] is a value that is put together from an [`Encoder`], [`Decoder`]s and a [`Format`], each of which may be yours.
//! A model is a list of them around one latent space ([`crate::Lzn`]); tasks and objectives know them by name alone.

mod bank;
mod format;
pub mod image;
pub mod label;
mod part;
mod placed;
mod samples;
mod space;
pub mod text;

use std::any::Any;
use std::fmt::Debug;

use lzn_latent::ZoneFlow;
use lzn_random::{Purpose, Stream};
use lzn_torch::ParamStore;
use tch::{Device, Tensor};

pub use bank::Bank;
pub(crate) use bank::shares;
pub use format::{Format, Typed};
pub use part::{Part, PartName};
pub use placed::Placed;
pub use samples::Samples;
pub(crate) use samples::none;
pub use space::LatentSpace;

use crate::TaskError;
use crate::objective::Draws;
use crate::task::TaskOptions;

/// How an encoder is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Whether this is training: gradients are wanted, and dropout is on.
    pub train: bool,
    /// Samples that pass the network at a time in training; none for all. An encoder may ignore it: then it saves no memory.
    pub piece: Option<i64>,
}

impl Pass {
    /// Outside of training.
    pub const USE: Self = Self { train: false, piece: None };
}

/// How samples of a type become anchors.
pub trait Encoder: Any + Debug + Send {
    /// The anchors of samples, as they come from the network: [`LatentSpace::place`] is not the encoder's work.
    ///
    /// # Errors
    /// [`TaskError`] if these are no samples of the type.
    fn place(&self, samples: &Samples, pass: Pass) -> Result<Placed, TaskError>;

    /// What it learns, in a fixed order.
    fn parts(&self) -> Vec<(PartName, ParamStore)>;
}

/// What a decoder is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Latents: points of the prior.
    Latent,
    /// Anchors of the source's encoder, as a linear classifier does.
    Anchor,
    /// Neither: it draws samples of no latent in particular, as a plain Rectified Flow does.
    Nothing,
}

/// What a decoder is given, one row per sample.
#[derive(Debug)]
pub struct Given {
    /// Number of each sample in its request: what is drawn for it is a function of the seed and this number alone, so that results do
    /// not depend on batches. Training, which draws otherwise, counts rows.
    pub numbers: Vec<u64>,
    /// Latents or anchors `[B, d]`, as [`Decoder::reads`] asks for; none if it reads nothing.
    pub points: Option<Tensor>,
    /// Samples of the type that [`Decoder::condition`] names.
    pub condition: Option<Samples>,
}

impl Given {
    /// Number of samples.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// The points.
    ///
    /// # Errors
    /// [`TaskError::LatentsNeeded`] if there are none.
    pub fn points(&self) -> Result<&Tensor, TaskError> {
        self.points.as_ref().ok_or(TaskError::LatentsNeeded)
    }

    /// `count` rows from the `first` on.
    #[must_use]
    pub fn narrow(&self, first: usize, count: usize) -> Self {
        Self {
            numbers: self.numbers[first..first + count].to_vec(),
            points: self.points.as_ref().map(|points| points.narrow(0, first as i64, count as i64)),
            condition: self.condition.as_ref().map(|samples| samples.narrow(first, count)),
        }
    }

    /// A stream of random numbers for each sample.
    pub fn streams(&self, seed: u64, purpose: Purpose) -> Vec<Stream> {
        self.numbers.iter().map(|number| Stream::new(seed, purpose, [*number, 0, 0])).collect()
    }

    /// Standard normal rows `[B, shape...]`, each from the stream of its sample.
    pub fn normals(&self, seed: u64, purpose: Purpose, shape: &[i64], device: Device) -> Tensor {
        normals(self.streams(seed, purpose), shape, device)
    }
}

/// Standard normal rows `[streams, shape...]`.
pub(crate) fn normals(streams: Vec<Stream>, shape: &[i64], device: Device) -> Tensor {
    let size = shape.iter().product::<i64>() as usize;
    let rows = streams.len() as i64;
    let values: Vec<f32> = streams.into_iter().flat_map(|mut stream| stream.normals(size)).collect();
    let shape: Vec<i64> = std::iter::once(rows).chain(shape.iter().copied()).collect();
    Tensor::from_slice(&values).view(shape.as_slice()).to_device(device)
}

/// How latents become samples of a type.
pub trait Decoder: Any + Debug + Send {
    /// What it has to be given.
    fn reads(&self) -> Reads {
        Reads::Latent
    }

    /// Another type of which it is told a sample as well. Where the source has none, it is decided from the latent.
    fn condition(&self) -> Option<&str> {
        None
    }

    /// Samples of what is given. Sample i must be a function of row i of `given` and of its stream in [`Given::streams`] alone, so that
    /// results do not depend on batches.
    ///
    /// # Errors
    /// [`TaskError`] if it is not given what it needs.
    fn decode(&self, given: &Given, options: &TaskOptions) -> Result<Samples, TaskError>;

    /// Samples again, from the latents of their own zones.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    fn reconstruct(&self, samples: &Samples, given: &Given, options: &TaskOptions) -> Result<Samples, TaskError> {
        let _ = samples;
        self.decode(given, options)
    }

    /// The random numbers of a training loss, each with one row per sample.
    ///
    /// # Errors
    /// [`TaskError`] if these are no samples of the type.
    fn draw(&self, samples: &Samples, draws: &Draws) -> Result<Vec<Tensor>, TaskError> {
        let _ = (samples, draws);
        Ok(Vec::new())
    }

    /// The loss of giving back `samples`, a scalar with a gradient: the mean over samples. `drawn` is what [`Decoder::draw`] gave.
    /// None if it learns nothing of its own.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    fn loss(&self, samples: &Samples, given: &Given, drawn: &[Tensor]) -> Option<Result<Tensor, TaskError>> {
        let _ = (samples, given, drawn);
        None
    }

    /// The `most` samples that each of the points `[B, d]`, as [`Decoder::reads`] asks for them, most probably is; none if there is no
    /// list to choose from.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    fn rank(&self, points: &Tensor, most: usize) -> Option<Result<Ranked, TaskError>> {
        let _ = (points, most);
        None
    }

    /// What it learns beside what its encoder lists, in a fixed order.
    fn parts(&self) -> Vec<(PartName, ParamStore)> {
        Vec::new()
    }
}

/// The samples that latents most probably are, the most probable first.
#[derive(Debug)]
pub struct Ranked {
    /// `B * k` samples, those of the first point first. `k` is smaller than what was asked for where there are no more.
    pub samples: Samples,
    /// Their probabilities `[B, k]`.
    pub probabilities: Tensor,
}

/// A data type of a model.
#[derive(Debug)]
pub struct DataType {
    name: String,
    flow: ZoneFlow,
    encoder: Option<Box<dyn Encoder>>,
    decoders: Vec<(String, Box<dyn Decoder>)>,
    format: Option<Box<dyn Format>>,
    remedies: [&'static str; 2],
    /// Zones of samples that are company to a single one: alone it would own the whole prior, and its latent would say nothing. None for
    /// types whose zones do not depend on company, and during training.
    pub bank: Option<Bank>,
    /// Share of the training samples `[N]` of each value of a type whose zones are those of all values ([`Placed::table`]); none where
    /// all are as frequent, and during training.
    pub shares: Option<Tensor>,
}

impl DataType {
    /// A type that can do nothing yet. `flow` leads from its zones to the prior and back.
    pub fn new(name: impl Into<String>, flow: ZoneFlow) -> Self {
        Self {
            name: name.into(),
            flow,
            encoder: None,
            decoders: Vec::new(),
            format: None,
            remedies: ["register the type with one", "register the type with one"],
            bank: None,
            shares: None,
        }
    }

    /// Gives it an encoder, which makes it a source of tasks.
    #[must_use]
    pub fn with_encoder(self, encoder: impl Encoder) -> Self {
        Self { encoder: Some(Box::new(encoder)), ..self }
    }

    /// Gives it a decoder, which makes it a target of tasks. The first one is taken where none is named.
    #[must_use]
    pub fn with_decoder(mut self, name: impl Into<String>, decoder: impl Decoder) -> Self {
        self.decoders.push((name.into(), Box::new(decoder)));
        self
    }

    /// Says how samples are typed and written.
    #[must_use]
    pub fn with_format(self, format: impl Format + 'static) -> Self {
        Self { format: Some(Box::new(format)), ..self }
    }

    /// Says how to come by an encoder and a decoder where there is none, for errors.
    #[must_use]
    pub(crate) fn with_remedies(self, encoder: &'static str, decoder: &'static str) -> Self {
        Self { remedies: [encoder, decoder], ..self }
    }

    /// Puts another way of typing and writing in the place of the one that it has.
    pub fn set_format(&mut self, format: impl Format + 'static) {
        self.format = Some(Box::new(format));
    }

    /// The name by which tasks and objectives know it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The flow between its zones and the prior.
    pub fn flow(&self) -> &ZoneFlow {
        &self.flow
    }

    /// Whether it has an encoder.
    pub fn encodes(&self) -> bool {
        self.encoder.is_some()
    }

    /// Whether it has a decoder.
    pub fn decodes(&self) -> bool {
        !self.decoders.is_empty()
    }

    /// The encoder.
    ///
    /// # Errors
    /// [`TaskError::NoEncoder`] says how to come by one.
    pub fn encoder(&self) -> Result<&dyn Encoder, TaskError> {
        let none = || TaskError::NoEncoder { name: self.name.clone(), remedy: self.remedies[0] };
        self.encoder.as_deref().ok_or_else(none)
    }

    /// The decoder of this name, or the first.
    ///
    /// # Errors
    /// [`TaskError::NoDecoder`] says how to come by one, [`TaskError::DecoderName`] which there are.
    pub fn decoder(&self, name: Option<&str>) -> Result<&dyn Decoder, TaskError> {
        let Some((_, first)) = self.decoders.first() else {
            return Err(TaskError::NoDecoder { name: self.name.clone(), remedy: self.remedies[1] });
        };
        let Some(wanted) = name else { return Ok(first.as_ref()) };
        let found = self.decoders.iter().find(|(name, _)| name == wanted).map(|(_, decoder)| decoder.as_ref());
        found.ok_or_else(|| TaskError::DecoderName {
            name: self.name.clone(),
            decoder: wanted.to_owned(),
            known: self.decoders.iter().map(|(name, _)| name.clone()).collect(),
        })
    }

    /// How samples are typed and written.
    ///
    /// # Errors
    /// [`TaskError::NoFormat`] if nobody said so.
    pub fn format(&self) -> Result<&dyn Format, TaskError> {
        self.format.as_deref().ok_or_else(|| TaskError::NoFormat { name: self.name.clone() })
    }

    /// Everything that it learns: of its encoder first, then of its decoders.
    pub fn parts(&self) -> Vec<(PartName, ParamStore)> {
        let encoder = self.encoder.iter().flat_map(|encoder| encoder.parts());
        encoder.chain(self.decoders.iter().flat_map(|(_, decoder)| decoder.parts())).collect()
    }

    /// Puts another encoder in the place of the one that it has.
    pub fn replace_encoder(&mut self, encoder: impl Encoder) {
        self.encoder = Some(Box::new(encoder));
    }

    /// Its encoder, if it is one of this kind.
    pub(crate) fn encoder_as<E: Encoder>(&self) -> Option<&E> {
        let encoder: &dyn Any = self.encoder.as_deref()?;
        encoder.downcast_ref()
    }

    /// Its first decoder of this kind, to change.
    pub(crate) fn decoder_as_mut<D: Decoder>(&mut self) -> Option<&mut D> {
        self.decoders.iter_mut().find_map(|(_, decoder)| {
            let decoder: &mut dyn Any = decoder.as_mut();
            decoder.downcast_mut()
        })
    }

    /// Its first decoder of this kind.
    pub(crate) fn decoder_as<D: Decoder>(&self) -> Option<&D> {
        self.decoders.iter().find_map(|(_, decoder)| {
            let decoder: &dyn Any = decoder.as_ref();
            decoder.downcast_ref()
        })
    }
}
