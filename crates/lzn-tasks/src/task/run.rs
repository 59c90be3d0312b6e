//! Running a task: latents of the source, then samples of the target.

use lzn_random::{Purpose, Stream};
use lzn_torch::zones;
use tch::{Kind, Tensor};

use super::{Input, Source, Target, Task, TaskOptions, Zoning, mixture, path};
use crate::TaskError;
use crate::model::Lzn;
use crate::types::{Bank, DataType, Decoder, Given, Pass, Placed, Ranked, Reads, Samples, none, normals};

impl Lzn {
    /// Runs a task: every pair of source and target that the parts of the model allow. `inputs` has one entry for each of
    /// [`Source::inputs`].
    ///
    /// # Errors
    /// [`TaskError`] names the data type, the encoder or the decoder that is missing, or what is wrong with the inputs.
    pub fn run(&self, task: &Task, inputs: &[Input], options: &TaskOptions) -> Result<Samples, TaskError> {
        tch::no_grad(|| {
            let run = Run::new(self, options);
            let source = Bound::new(&task.source, inputs)?;
            match &task.target {
                Target::Latent => Ok(Samples::Rows(run.latents(&source)?)),
                Target::Data { name, decoder } => run.data(&source, name, decoder.as_deref()),
            }
        })
    }
}

impl Lzn {
    /// As [`Lzn::run`], for targets that are looked up, such as labels and texts of a bank: for every sample of the source the `most` that
    /// it most probably is, with their probabilities.
    ///
    /// # Errors
    /// Those of [`Lzn::run`]; [`TaskError::Unranked`] if the target is drawn and not looked up.
    pub fn rank(&self, task: &Task, inputs: &[Input], most: usize, options: &TaskOptions) -> Result<Ranked, TaskError> {
        tch::no_grad(|| {
            let run = Run::new(self, options);
            let source = Bound::new(&task.source, inputs)?;
            let unranked = || TaskError::Unranked { target: task.target.to_string() };
            let Target::Data { name, decoder } = &task.target else { return Err(unranked()) };
            let decoder = self.data_type(name)?.decoder(decoder.as_deref())?;
            let points = run.points(decoder, &source, name)?.ok_or_else(unranked)?;
            decoder.rank(&points, most.max(1)).ok_or_else(unranked)?
        })
    }
}

/// A source with its inputs.
enum Bound<'a> {
    Prior(usize, u64),
    Latent(&'a Tensor),
    Data(&'a str, &'a Samples, u64),
    Mixture(Vec<Part<'a>>),
    Between(Box<[Bound<'a>; 2]>, usize),
}

/// One type of a mixture.
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    pub(super) weight: f64,
    pub(super) samples: &'a Samples,
}

impl<'a> Bound<'a> {
    fn new(source: &'a Source, inputs: &'a [Input]) -> Result<Self, TaskError> {
        let wanted = source.inputs();
        if inputs.len() != wanted {
            return Err(TaskError::Inputs { source_of: source.to_string(), wanted, got: inputs.len() });
        }
        Self::take(source, &mut inputs.iter().zip(0..))
    }

    /// Takes its inputs off the list; each leaf draws from streams of its own, which its place in the list numbers.
    fn take(source: &'a Source, inputs: &mut impl Iterator<Item = (&'a Input, u64)>) -> Result<Self, TaskError> {
        let wrong = |wanted| TaskError::Input { source_of: source.to_string(), wanted };
        let mut samples = || match inputs.next() {
            Some((Input::Samples(samples), leaf)) => Ok((samples, leaf)),
            _ => Err(wrong("samples")),
        };
        Ok(match source {
            Source::Prior => match inputs.next() {
                Some((Input::Count(count), leaf)) => Self::Prior(*count, leaf),
                _ => return Err(wrong("a number of draws")),
            },
            Source::Latent => Self::Latent(samples()?.0.rows()?),
            Source::Data(name) => {
                let (samples, leaf) = samples()?;
                Self::Data(name, samples, leaf)
            }
            Source::Mixture(parts) => {
                let part =
                    |(name, weight): &'a (String, f64)| Ok(Part { name, weight: *weight, samples: samples()?.0 });
                Self::Mixture(mixture::checked(parts.iter().map(part).collect::<Result<_, TaskError>>()?)?)
            }
            Source::Between { ends, points } => {
                let ends = [Self::take(&ends[0], inputs)?, Self::take(&ends[1], inputs)?];
                let counts = [ends[0].count(), ends[1].count()];
                if counts[0] != counts[1] {
                    return Err(TaskError::Uneven { counts: counts.to_vec() });
                }
                Self::Between(Box::new(ends), (*points).max(2))
            }
        })
    }

    fn count(&self) -> usize {
        match self {
            Self::Prior(count, _) => *count,
            Self::Latent(rows) => rows.size().first().map_or(0, |rows| *rows as usize),
            Self::Data(_, samples, _) => samples.len(),
            Self::Mixture(parts) => parts.first().map_or(0, |part| part.samples.len()),
            Self::Between(ends, points) => ends[0].count() * points,
        }
    }

    /// The samples of a type that are in the source.
    fn samples_of(&self, wanted: &str) -> Option<&'a Samples> {
        match self {
            Self::Data(name, samples, _) => (*name == wanted).then_some(*samples),
            Self::Mixture(parts) => parts.iter().find(|part| part.name == wanted).map(|part| part.samples),
            Self::Prior(..) | Self::Latent(_) | Self::Between(..) => None,
        }
    }

    /// Numbers of the samples that are made of it: points of one path have one number.
    fn numbers(&self, first: u64) -> Vec<u64> {
        let each = if let Self::Between(_, points) = self { *points } else { 1 };
        (0..self.count() as u64).map(|row| first.wrapping_add(row / each as u64)).collect()
    }
}

/// A model with the options of a request.
pub(crate) struct Run<'a> {
    pub(super) model: &'a Lzn,
    pub(super) options: &'a TaskOptions,
}

impl<'a> Run<'a> {
    pub(crate) fn new(model: &'a Lzn, options: &'a TaskOptions) -> Self {
        Self { model, options }
    }

    /// Samples of the target.
    fn data(&self, source: &Bound<'_>, name: &str, decoder: Option<&str>) -> Result<Samples, TaskError> {
        let decoder = self.model.data_type(name)?.decoder(decoder)?;
        let again =
            if let Bound::Data(from, samples, _) = source { Some(*samples).filter(|_| *from == name) } else { None };
        let points = self.points(decoder, source, name)?;
        let told = decoder.condition().is_some_and(|other| source.samples_of(other).is_some());
        if points.is_none() && !told && again.is_none() && !matches!(source, Bound::Prior(..)) {
            return Err(TaskError::Deaf { name: name.to_owned() });
        }
        let numbers = source.numbers(self.options.first);
        let condition = match decoder.condition() {
            Some(other) => Some(self.condition(source, other, decoder, points.as_ref(), &numbers)?),
            None => None,
        };
        self.decode(decoder, &Given { numbers, points, condition }, again)
    }

    /// What a decoder of the type `name` reads of the source.
    fn points(&self, decoder: &dyn Decoder, source: &Bound<'_>, name: &str) -> Result<Option<Tensor>, TaskError> {
        Ok(match decoder.reads() {
            Reads::Latent => Some(self.latents(source)?),
            Reads::Anchor => Some(self.anchors(source, name)?),
            Reads::Nothing => None,
        })
    }

    /// Decodes as many samples at a time as the options say; `again` are the samples that are reconstructed.
    fn decode(&self, decoder: &dyn Decoder, given: &Given, again: Option<&Samples>) -> Result<Samples, TaskError> {
        let size = self.options.batch_size.max(1);
        let part = |start: usize| {
            let count = size.min(given.count() - start);
            let given = given.narrow(start, count);
            match again {
                Some(samples) => decoder.reconstruct(&samples.narrow(start, count), &given, self.options),
                None => decoder.decode(&given, self.options),
            }
        };
        match given.count() {
            0 => part(0),
            count => Samples::cat(&(0..count).step_by(size).map(part).collect::<Result<Vec<_>, _>>()?),
        }
    }

    /// The samples of another type that a decoder is told: those in the source, or what the latents are of that type.
    fn condition(
        &self,
        source: &Bound<'_>,
        other: &str,
        decoder: &dyn Decoder,
        points: Option<&Tensor>,
        numbers: &[u64],
    ) -> Result<Samples, TaskError> {
        if let Some(samples) = source.samples_of(other) {
            return Ok(samples.clone());
        }
        let latents = points.filter(|_| decoder.reads() == Reads::Latent);
        let inferring = self.model.data_type(other).and_then(|data_type| data_type.decoder(None));
        match (latents, inferring) {
            (Some(latents), Ok(inferring)) if inferring.reads() == Reads::Latent => {
                let given = Given { numbers: numbers.to_vec(), points: Some(latents.shallow_clone()), condition: None };
                self.decode(inferring, &given, None)
            }
            _ => Err(TaskError::LabelsNeeded),
        }
    }

    /// Latents `[B, d]` of the source.
    fn latents(&self, source: &Bound<'_>) -> Result<Tensor, TaskError> {
        let count = source.count();
        if count == 0 {
            return Ok(none(&[self.model.space.dim as i64], Kind::Float, self.model.device()));
        }
        match source {
            Bound::Prior(_, leaf) => Ok(self.noise(count, *leaf)),
            Bound::Latent(rows) => {
                let dim = self.model.space.dim;
                if rows.size() != [count as i64, dim as i64] {
                    return Err(TaskError::LatentShape { got: rows.size(), dim });
                }
                Ok(rows.to_device(self.model.device()).to_kind(Kind::Float))
            }
            Bound::Data(name, samples, leaf) => {
                let placed = self.place(name, samples)?;
                let scale = if placed.complete { 1.0 } else { self.options.noise_scale };
                self.zone(name, &placed, &(self.noise(count, *leaf) * scale))
            }
            Bound::Mixture(parts) => mixture::latents(self, parts),
            Bound::Between(ends, points) => {
                Ok(path::paths(&self.latents(&ends[0])?, &self.latents(&ends[1])?, *points))
            }
        }
    }

    /// Anchors `[B, d]` of the source, for a decoder that reads no latents.
    fn anchors(&self, source: &Bound<'_>, target: &str) -> Result<Tensor, TaskError> {
        match source {
            Bound::Data(name, samples, _) => Ok(self.place(name, samples)?.own()),
            _ => Err(TaskError::AnchorsNeeded { name: target.to_owned() }),
        }
    }

    pub(super) fn place(&self, name: &str, samples: &Samples) -> Result<Placed, TaskError> {
        let pass = Pass { train: false, piece: Some(self.options.batch_size.max(1) as i64) };
        self.model.place(name, samples, pass)
    }

    /// Latents from all over the zone of each sample, `draws` of them one after the other. The same draws for every sample: what is
    /// said of one does not depend on its place among others.
    pub(crate) fn latents_of_each(&self, name: &str, placed: &Placed, draws: usize) -> Result<Tensor, TaskError> {
        let count = placed.owners().size()[0];
        self.zone(name, placed, &self.noise(draws, 0).repeat([count, 1]))
    }

    /// Latents of placed samples, as many for each as there are rows of noise `[B * r, d]` for it.
    pub(super) fn zone(&self, name: &str, placed: &Placed, noise: &Tensor) -> Result<Tensor, TaskError> {
        let data_type = self.model.data_type(name)?;
        let owners = placed.owners();
        let count = owners.size()[0];
        let each = noise.size()[0] / count.max(1);
        let Some(bank) = self.bank(name, placed)? else {
            let owners = owners.repeat_interleave_self_int(each, None, None);
            let zones = self.zones_of(data_type, placed);
            return Ok(zones::to_latents(data_type.flow(), &zones.zones(), &owners, noise)?);
        };
        let anchors = placed.own();
        let rows = (0..count).map(|i| {
            let (all, owner) = bank.with(&anchors.narrow(0, i, 1));
            let owners = Tensor::full([each], owner, (Kind::Int64, anchors.device()));
            zones::to_latents(data_type.flow(), &all.zones(), &owners, &noise.narrow(0, i * each, each))
        });
        Ok(Tensor::cat(&rows.collect::<Result<Vec<_>, _>>()?, 0))
    }

    /// The zones of samples without other company. Values that share a zone weigh as much as they are, as in training; those of a table
    /// are alike for every request.
    pub(super) fn zones_of(&self, data_type: &DataType, placed: &Placed) -> Bank {
        let table = || data_type.shares.as_ref().map(Tensor::shallow_clone);
        let weights = if placed.complete { table() } else { placed.weights() };
        Bank { anchors: placed.anchors.shallow_clone(), weights }
    }

    /// The company of single samples of a type; none where zones do not depend on it, or are to be those of the batch.
    pub(super) fn bank(&self, name: &str, placed: &Placed) -> Result<Option<&'a Bank>, TaskError> {
        let bank = self.model.data_type(name)?.bank.as_ref();
        Ok(bank.filter(|_| !placed.complete && self.options.zoning == Zoning::Bank))
    }

    /// Standard normal rows `[count, d]`, each a function of the seed, its own number and the leaf of the source.
    fn noise(&self, count: usize, leaf: u64) -> Tensor {
        let TaskOptions { seed, first, .. } = *self.options;
        let stream = |row| Stream::new(seed, Purpose::SAMPLE_LATENT, [first.wrapping_add(row), leaf, 0]);
        let streams = (0..count as u64).map(stream).collect();
        normals(streams, &[self.model.space.dim as i64], self.model.device())
    }
}
