//! Images and texts that belong together: whether each is found for the other, and whether texts are written as they are.

use lzn_data::Dataset;
use lzn_eval::{Metric, Ranking, Recall, Recalled, exact_match};
use lzn_torch::zones;
use ndarray::Array2;
use tch::{Kind, Tensor};

use super::classify::{noise, order};
use super::{Better, Measure, Progress};
use crate::TaskError;
use crate::data::{matrix, to_tensor};
use crate::model::{IMAGE, Lzn, TEXT};
use crate::objective::{centred, unit};
use crate::task::TaskOptions;
use crate::types::text::TextWriter;
use crate::types::{Bank, Given, Pass, Placed, Samples};

/// Images that are read and encoded together.
const CHUNK: usize = 500;

/// Depths of recall, as is usual for images and texts.
const DEPTHS: [usize; 3] = [1, 5, 10];

/// How anchors are compared that are compared as in training.
const ZONES: &str = "zones";

/// Recall both ways, by the zones and by the cosine of anchors with and without their mean, and how often a caption is written as it is;
/// nothing if no test image has a text.
///
/// # Errors
/// [`TaskError`] if an image cannot be read, or a text is longer than the model takes.
pub(super) fn measures(
    model: &Lzn,
    data: &dyn Dataset,
    (most, seed): (usize, u64),
    progress: &dyn Progress,
) -> Result<Vec<Measure>, TaskError> {
    match Pairs::of(model, data, most, progress)? {
        Some(pairs) => pairs.measures(model, seed),
        None => Ok(Vec::new()),
    }
}

/// Anchors of test images and of their texts.
struct Pairs {
    /// Anchors of the images, `[N, d]`.
    images: Bank,
    /// Anchors of the different texts, `[M, d]`, and the row of each image's text.
    texts: Placed,
    /// The text of each image.
    expected: Vec<String>,
}

impl Pairs {
    /// Encodes the first `most` test images that have a text.
    fn of(model: &Lzn, data: &dyn Dataset, most: usize, progress: &dyn Progress) -> Result<Option<Self>, TaskError> {
        let mut chosen = Vec::new();
        for index in order(data) {
            if chosen.len() < most
                && let Some(text) = data.text(index)?
            {
                chosen.push((index, text));
            }
        }
        if chosen.is_empty() {
            return Ok(None);
        }
        progress.begin("encoding images and texts", chosen.len());
        let mut anchors = Vec::new();
        for pairs in chosen.chunks(CHUNK) {
            let (images, _) = crate::data::read_bytes(data, pairs.iter().map(|(index, _)| *index))?;
            anchors.push(model.anchors(&to_tensor(&images, model.device()), 100)?);
            progress.advance(pairs.len());
        }
        let expected: Vec<String> = chosen.into_iter().map(|(_, text)| text).collect();
        let texts = model.place(TEXT, &Samples::Texts(expected.clone()), Pass::USE)?;
        Ok(Some(Self { images: Bank::equal(Tensor::cat(&anchors, 0)), texts, expected }))
    }

    fn measures(&self, model: &Lzn, seed: u64) -> Result<Vec<Measure>, TaskError> {
        let mut measures = Vec::new();
        let by_zones = tch::no_grad(|| self.by_zones(model, seed))?;
        let (images, texts) = (&self.images.anchors, &self.texts.anchors);
        let symmetric = |scores: Array2<f32>| [scores.clone(), scores.reversed_axes()];
        for (how, [there, back]) in [
            (ZONES, by_zones),
            ("cosine of anchors", symmetric(cosine(images, texts)?)),
            ("cosine of centred anchors", symmetric(cosine(&centred(images), &centred(texts))?)),
        ] {
            measures.extend(self.recall(("image", "text"), how, &there)?);
            measures.extend(self.recall(("text", "image"), how, &back)?);
        }
        measures.extend(self.captions(model, seed)?);
        Ok(measures)
    }

    /// Log-probabilities of texts for images, `[N, M]`, and of images for texts, `[M, N]`: latents from the centres of zones, by the flow
    /// over the anchors of the others. As in training, the zone of a text weighs as much as there are images that have it.
    fn by_zones(&self, model: &Lzn, seed: u64) -> Result<[Array2<f32>; 2], TaskError> {
        let texts = Bank { anchors: self.texts.anchors.shallow_clone(), weights: self.texts.weights() };
        let there = assignment(model, (IMAGE, &self.images), (TEXT, &texts), seed)?;
        let back = assignment(model, (TEXT, &texts), (IMAGE, &self.images), seed)?;
        Ok([there, back])
    }

    fn recall(&self, (from, to): (&str, &str), how: &str, scores: &Array2<f32>) -> Result<Vec<Measure>, TaskError> {
        let owners: Vec<i64> = self.texts.owners().to_device(tch::Device::Cpu).try_into()?;
        let right = |query: usize, candidate: usize| match from == IMAGE {
            true => owners[query] == candidate as i64,
            false => owners[candidate] == query as i64,
        };
        let mut recall = Recall::at(&DEPTHS)?;
        recall.update(Ranking { scores: scores.view(), right: &right })?;
        let Recalled { recall, median_rank, queries, .. } = recall.finish()?;
        let weights = if how == ZONES { ", each text weighing as often as it occurs" } else { "" };
        let protocol = format!("{queries} queries, {} candidates, by {how}{weights}", scores.ncols());
        let images = self.expected.len();
        let share = |(depth, value): (usize, f64)| {
            let name = format!("{from} to {to} recall@{depth}, {how}");
            Measure::new(name, value, Better::Higher, protocol.clone()).of(images).share()
        };
        let rank = Measure::new(format!("{from} to {to} median rank, {how}"), median_rank, Better::Lower, &protocol);
        Ok(recall.into_iter().map(share).chain([rank.of(images)]).collect())
    }

    /// How often the text that is written for an image, byte by byte and greedily, is the image's own; nothing without a writing decoder.
    fn captions(&self, model: &Lzn, seed: u64) -> Result<Option<Measure>, TaskError> {
        let Ok(writer) = model.data_type(TEXT)?.decoder(Some(TextWriter::NAME)) else { return Ok(None) };
        let count = self.expected.len();
        let latents = tch::no_grad(|| latents(model, (IMAGE, &self.images), seed))?;
        let given = Given { numbers: (0..count as u64).collect(), points: Some(latents), condition: None };
        let written = tch::no_grad(|| writer.decode(&given, &TaskOptions { seed, ..TaskOptions::default() }))?;
        let value = exact_match(written.texts()?, &self.expected)?;
        let protocol = "greedy, all images zoned together, noise scale 0";
        Ok(Some(Measure::new("caption exact match", value, Better::Higher, protocol).of(count).share()))
    }
}

/// Latents at the centres of zones that cut the prior together.
fn latents(model: &Lzn, (name, bank): (&str, &Bank), seed: u64) -> Result<Tensor, TaskError> {
    let count = bank.anchors.size()[0];
    let noise = noise(model, count as usize, seed, 0) * 0.0;
    let owners = Tensor::arange(count, (Kind::Int64, noise.device()));
    Ok(zones::to_latents(model.data_type(name)?.flow(), &bank.zones(), &owners, &noise)?)
}

/// Log-probabilities of the zones of one type, `[rows, columns]`, for latents of another, at the anchors' end of the flow.
fn assignment(model: &Lzn, from: (&str, &Bank), to: (&str, &Bank), seed: u64) -> Result<Array2<f32>, TaskError> {
    let flow = model.data_type(to.0)?.flow();
    matrix(&zones::final_log_probs(flow, &latents(model, from, seed)?, &to.1.zones())?)
}

/// Cosines `[N, M]` between rows.
fn cosine(one: &Tensor, other: &Tensor) -> Result<Array2<f32>, TaskError> {
    matrix(&unit(one).matmul(&unit(other).transpose(0, 1)))
}
