//! Latents that lie in several zones at once.

use lzn_random::{Purpose, Stream};
use lzn_torch::zones;
use tch::{Kind, Tensor};

use super::run::{Part, Run};
use crate::TaskError;
use crate::types::{Bank, Placed, normals};

/// Candidates for every latent. Of zones that share a fiftieth of one of them, one of so many lies in both with a probability of 0.7.
const CANDIDATES: usize = 64;

/// Refuses mixtures whose parts differ in number, and weights that are no weights.
pub(super) fn checked(parts: Vec<Part<'_>>) -> Result<Vec<Part<'_>>, TaskError> {
    let counts: Vec<usize> = parts.iter().map(|part| part.samples.len()).collect();
    if parts.is_empty() || counts.iter().any(|count| *count != counts[0]) {
        return Err(TaskError::Uneven { counts });
    }
    match parts.iter().find(|part| !(part.weight.is_finite() && part.weight > 0.0)) {
        Some(part) => Err(TaskError::Weight { name: part.name.to_owned(), weight: part.weight }),
        None => Ok(parts),
    }
}

/// One latent for each sample of the parts, `[B, d]`, as [`super::Source::Mixture`] says.
pub(super) fn latents(run: &Run<'_>, parts: &[Part<'_>]) -> Result<Tensor, TaskError> {
    let total: f64 = parts.iter().map(|part| part.weight).sum();
    let placed: Vec<Placed> = parts.iter().map(|part| run.place(part.name, part.samples)).collect::<Result<_, _>>()?;
    let count = parts[0].samples.len() as i64;
    let mut chosen = Vec::new();
    for sample in 0..count {
        let place = Tensor::from_slice(&[sample]).to_device(run.model.device());
        let zones: Vec<Zone<'_>> = parts
            .iter()
            .zip(&placed)
            .map(|(part, placed)| Zone::of(run, part.name, placed, &place))
            .collect::<Result<_, _>>()?;
        let candidates = candidates(run, &zones, parts, total, sample as u64)?;
        let mut score = Tensor::zeros([CANDIDATES as i64], (Kind::Double, run.model.device()));
        for (part, zone) in parts.iter().zip(&zones) {
            score += zone.score(&candidates)? * (part.weight / total);
        }
        chosen.push(candidates.narrow(0, score.argmax(0, false).int64_value(&[]), 1));
    }
    Ok(Tensor::cat(&chosen, 0))
}

/// What lying in a zone counts for beside its log-probability: more than any log-probability that can be told from another.
const INSIDE: f64 = 1e6;

/// One zone among the others of its type.
struct Zone<'a> {
    flow: &'a lzn_latent::ZoneFlow,
    all: Bank,
    owner: i64,
}

impl<'a> Zone<'a> {
    /// The zone of the sample at `place`, `[1]`.
    fn of(run: &Run<'a>, name: &str, placed: &Placed, place: &Tensor) -> Result<Self, TaskError> {
        let data_type = run.model.data_type(name)?;
        let owner = placed.owners().index_select(0, place).int64_value(&[0]);
        let (all, owner) = match run.bank(name, placed)? {
            Some(bank) => bank.with(&placed.anchors.narrow(0, owner, 1)),
            None => (run.zones_of(data_type, placed), owner),
        };
        Ok(Self { flow: data_type.flow(), all, owner })
    }

    fn owners(&self, count: i64) -> Tensor {
        Tensor::full([count], self.owner, (Kind::Int64, self.all.anchors.device()))
    }

    fn draw(&self, noise: &Tensor) -> Result<Tensor, TaskError> {
        Ok(zones::to_latents(self.flow, &self.all.zones(), &self.owners(noise.size()[0]), noise)?)
    }

    /// How much latents `[n, d]` are of this zone, `[n]` float64.
    fn score(&self, latents: &Tensor) -> Result<Tensor, TaskError> {
        let owners = self.owners(latents.size()[0]);
        let way = zones::to_anchors(self.flow, latents, &self.all.zones(), &owners)?;
        let best = way.own_log_probs.amax([0].as_slice(), false).to_kind(Kind::Double);
        let inside = zones::nearest(&way.end_points, &self.all.anchors).eq_tensor(&owners).to_kind(Kind::Double);
        Ok(inside * INSIDE + best)
    }
}

/// Latents `[CANDIDATES, d]` from each of the zones, in proportion to the weights.
fn candidates(
    run: &Run<'_>,
    zones: &[Zone<'_>],
    parts: &[Part<'_>],
    total: f64,
    sample: u64,
) -> Result<Tensor, TaskError> {
    let number = run.options.first.wrapping_add(sample);
    let stream = |candidate| Stream::new(run.options.seed, Purpose::new("sample-mixture"), [number, candidate, 0]);
    let streams = (0..CANDIDATES as u64).map(stream).collect();
    let noise = normals(streams, &[run.model.space.dim as i64], run.model.device());
    let (mut drawn, mut weight, mut first) = (Vec::new(), 0.0, 0);
    for (zone, part) in zones.iter().zip(parts) {
        weight += part.weight;
        let last = ((weight / total) * CANDIDATES as f64).round() as i64;
        if last > first {
            drawn.push(zone.draw(&noise.narrow(0, first, last - first))?);
        }
        first = last;
    }
    Ok(Tensor::cat(&drawn, 0))
}
