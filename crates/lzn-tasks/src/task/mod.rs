//! Tasks as values: a source gives latents, a target is made of them.
//!
//! | task | source | target |
//! |---|---|---|
//! | draw images | prior | image |
//! | draw images of a class, of a text | label, text | image |
//! | classify, caption | image | label, text |
//! | represent | image, text | latent |
//! | reconstruct, paraphrase | image, text | the same type |
//! | interpolate | between two latents or samples | any type |
//! | ask for several things at once | a mixture of zones | any type |
//!
//! No task is code of its own: [`Lzn::run`](crate::Lzn::run) does every pair that the parts of a model allow, and says which part is
//! missing otherwise.

mod mixture;
mod path;
mod run;

use std::fmt;

use lzn_flow::Sampler;
use tch::Tensor;

use crate::model::IMAGE;
use crate::types::Samples;

pub(crate) use path::paths;
pub(crate) use run::Run;

/// What is made of what.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Where latents come from.
    pub source: Source,
    /// What is made of them.
    pub target: Target,
}

impl Task {
    /// A task.
    pub fn new(source: Source, target: Target) -> Self {
        Self { source, target }
    }

    /// Images from draws of the prior.
    pub fn drawing() -> Self {
        Self::new(Source::Prior, Target::data(IMAGE))
    }

    /// From samples of one type to samples of another, or of the same.
    pub fn from_to(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self::new(Source::Data(from.into()), Target::data(to))
    }
}

/// Where latents come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Draws from the prior N(0, I). Input: how many.
    Prior,
    /// Latents. Input: rows `[B, d]`.
    Latent,
    /// Samples of a data type, by its name. Input: samples.
    Data(String),
    /// Samples of several types at once, each with a weight: latents that lie in all of their zones, or as nearly as can be found.
    /// Inputs: as many samples of each, in this order.
    ///
    /// Of a number of candidates, drawn from each zone in proportion to the weights, one is taken: that which lies in the zones of the
    /// greatest weight together, and among such candidates the one with the largest `sum_k w_k log p_k`, where `p_k` is the largest
    /// probability, on its way back, of belonging to zone k (the probability of the paper's Equation 2). Where the zones meet this is a
    /// draw from their intersection; where they do not, as those of two labels never do, it is a draw from one that comes nearest to
    /// the other.
    Mixture(Vec<(String, f64)>),
    /// Points on the way between the latents of two sources, first and last included, along a great circle, which keeps to where a
    /// Gaussian has its mass. Inputs: those of both. Result i * points + j is point j of path i, and all points of a path share
    /// what is drawn on the way to the target.
    Between {
        /// The ends.
        ends: Box<[Source; 2]>,
        /// Points of every path, at least 2.
        points: usize,
    },
}

impl Source {
    /// Samples of a data type.
    pub fn data(name: impl Into<String>) -> Self {
        Self::Data(name.into())
    }

    /// The way between two sources.
    pub fn between(from: Self, to: Self, points: usize) -> Self {
        Self::Between { ends: Box::new([from, to]), points }
    }

    /// Number of inputs that it takes.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Prior | Self::Latent | Self::Data(_) => 1,
            Self::Mixture(parts) => parts.len(),
            Self::Between { ends, .. } => ends.iter().map(Self::inputs).sum(),
        }
    }
}

/// What is made of latents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The latents themselves, rows `[B, d]`.
    Latent,
    /// Samples of a data type.
    Data {
        /// Its name.
        name: String,
        /// Which of its decoders makes them; none for the first.
        decoder: Option<String>,
    },
}

impl Target {
    /// Samples of a data type, by its first decoder.
    pub fn data(name: impl Into<String>) -> Self {
        Self::Data { name: name.into(), decoder: None }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.source, self.target)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prior => f.write_str("prior"),
            Self::Latent => f.write_str("latent"),
            Self::Data(name) => f.write_str(name),
            Self::Mixture(parts) => {
                let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
                f.write_str(&names.join(" and "))
            }
            Self::Between { ends, .. } => write!(f, "between {} and {}", ends[0], ends[1]),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latent => f.write_str("latent"),
            Self::Data { name, decoder: None } => f.write_str(name),
            Self::Data { name, decoder: Some(decoder) } => write!(f, "{name}:{decoder}"),
        }
    }
}

/// What a source is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// So many draws from the prior.
    Count(usize),
    /// Samples, or latents as rows.
    Samples(Samples),
}

impl From<usize> for Input {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl From<Samples> for Input {
    fn from(samples: Samples) -> Self {
        Self::Samples(samples)
    }
}

impl From<Tensor> for Input {
    fn from(rows: Tensor) -> Self {
        Self::Samples(Samples::Rows(rows))
    }
}

impl From<&Tensor> for Input {
    fn from(rows: &Tensor) -> Self {
        Self::Samples(Samples::Rows(rows.shallow_clone()))
    }
}

impl From<&[i64]> for Input {
    fn from(numbers: &[i64]) -> Self {
        Self::Samples(numbers.into())
    }
}

/// How zones of single samples are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zoning {
    /// The samples given together share the prior, as in training; results depend on the company.
    Batch,
    /// Each sample is zoned alone against the bank of its type; results do not depend on the other samples.
    Bank,
}

/// How a task is run.
#[derive(Debug, Clone)]
pub struct TaskOptions {
    /// Seed of all noise.
    pub seed: u64,
    /// Number of the first sample; sample `i` of a request draws the noise of index `first + i`.
    pub first: u64,
    /// Samples that go through the networks together. It changes speed and memory, not results.
    pub batch_size: usize,
    /// How velocity is integrated to images.
    pub sampler: Sampler,
    /// Scale alpha of the latent noise of samples that have a zone each, such as images: 0 is the centre of their zone.
    pub noise_scale: f64,
    /// How zones of such samples are cut.
    pub zoning: Zoning,
    /// How freely words are chosen: 0 takes the most probable one, 1 draws with the probabilities of the decoder.
    pub temperature: f64,
}

impl Default for TaskOptions {
    /// The first samples of seed 0, from the centres of their zones in the bank, by 50 Euler steps, the most probable words.
    fn default() -> Self {
        Self {
            seed: 0,
            first: 0,
            batch_size: 32,
            sampler: Sampler::Euler { steps: 50 },
            noise_scale: 0.0,
            zoning: Zoning::Bank,
            temperature: 0.0,
        }
    }
}
