//! The accuracy groups: the test images once as configured, and over everything that the number depends on.

use lzn_eval::{Calibration, ConfusionMatrix, Metric, Reliability, wilson_interval};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Better, ClassWeights, ClassifyOptions, Encoded, Measure, Parts, Progress};
use crate::TaskError;
use crate::config::Decision;
use crate::model::{LABEL, Lzn};

/// Noise scales of the sweep (paper, Figure 25).
const NOISE_SCALES: [f64; 7] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2];

/// Images that share a zoning in the sweep, as far as there are so many.
const BATCH_SIZES: [usize; 4] = [100, 1_000, 2_000, 10_000];

/// Latents of each image whose shares among the labels' zones are its probabilities, and test images that are asked. No share of 16 but
/// 0 and 1 lies where two of the 15 bins meet.
const CALIBRATION: (u64, usize) = (16, 2_000);

/// Confidence of intervals.
const LEVEL: f64 = 0.95;

/// Images whose zones are judged together. The rate depends on how many there are, so it is the same for every batch size.
const JUDGED: usize = 1_000;

/// Bins of the reliability diagram (Guo and others, 2017).
const BINS: usize = 15;

/// Accuracy under one choice of settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// Scale alpha of the latent noise.
    pub noise_scale: f64,
    /// Images that share a zoning.
    pub batch_size: usize,
    /// How much the zones of labels weigh.
    pub class_weights: ClassWeights,
    /// Share of the images that are classified right.
    pub accuracy: f64,
}

/// Accuracy as configured, and how well zones keep to their owners. `flows` says in words by which solvers.
///
/// # Errors
/// [`TaskError`] if the model cannot classify.
pub(super) fn accuracy(
    model: &Lzn,
    encoded: &Encoded,
    options: ClassifyOptions,
    flows: &str,
) -> Result<(ConfusionMatrix, Vec<Measure>), TaskError> {
    let matrix = encoded.classify(model, options)?.finish()?;
    let count = encoded.labels.len().min(options.images);
    let protocol = match model.decision() {
        Decision::Linear => "linear classifier on the anchors".to_owned(),
        Decision::Zones => format!(
            "zoned {} at a time, noise scale {}, class weights {}, {flows}",
            options.batch_size.min(count),
            options.noise_scale,
            weighing(model, options.class_weights)
        ),
    };
    let made = Measure::new("test accuracy", matrix.accuracy(), Better::Higher, protocol).of(count).share();
    let mut measures = vec![made.spread(interval(&matrix)?)];
    if model.decision() == Decision::Zones {
        let zoned = JUDGED.min(count);
        let rate = encoded.zone_hit_rate(model, zoned, options.seed)?;
        let protocol = format!("latents at noise scale 1 in the zones of their own images, {flows}");
        measures.push(Measure::new("zone hit rate", rate, Better::Higher, protocol).of(zoned).share());
    }
    Ok((matrix, measures))
}

/// Within which shares the true accuracy lies, as far as the choice of images goes.
fn interval(matrix: &ConfusionMatrix) -> Result<String, TaskError> {
    let counts = matrix.counts();
    let found = wilson_interval(counts.diag().sum(), counts.sum(), LEVEL)?;
    Ok(format!("{:.0} %: {:.2} to {:.2} %", 100.0 * LEVEL, 100.0 * found.lower, 100.0 * found.upper))
}

/// How much the zones of labels weigh, in words.
pub(super) fn weighing(model: &Lzn, weights: ClassWeights) -> &'static str {
    match weights {
        ClassWeights::Batch => "of the batch",
        ClassWeights::Training if knows_shares(model) => "of the training data",
        ClassWeights::Training | ClassWeights::Equal => "equal",
    }
}

/// Whether labels were not equally frequent in training.
fn knows_shares(model: &Lzn) -> bool {
    model.data_type(LABEL).is_ok_and(|label| label.shares.is_some())
}

/// Accuracy over noise scales, numbers of images that share a zoning, and weights of the labels' zones. Points are kept one by one.
///
/// # Errors
/// As [`accuracy`].
pub(super) fn sweep(
    model: &Lzn,
    encoded: &Encoded,
    options: ClassifyOptions,
    (parts, key): (&Parts, &Value),
    progress: &dyn Progress,
) -> Result<Vec<SweepPoint>, TaskError> {
    let count = encoded.labels.len().min(options.images);
    let mut sizes: Vec<usize> = BATCH_SIZES.iter().map(|size| *size.min(&count)).collect();
    sizes.dedup();
    let mut weights = vec![ClassWeights::Training, ClassWeights::Batch];
    if knows_shares(model) {
        weights.insert(0, ClassWeights::Equal);
    }
    progress.begin("accuracy over noise scales and batch sizes", weights.len() * sizes.len() * NOISE_SCALES.len());
    let mut points = Vec::new();
    for class_weights in weights {
        for &batch_size in &sizes {
            for noise_scale in NOISE_SCALES {
                let options = ClassifyOptions { batch_size, noise_scale, class_weights, ..options };
                let key = json!([key, batch_size, noise_scale, class_weights]);
                let accuracy = || Ok(encoded.classify(model, options)?.finish()?.accuracy());
                let accuracy = parts.value("accuracy-sweep/point", &key, accuracy)?;
                points.push(SweepPoint { noise_scale, batch_size, class_weights, accuracy });
                progress.advance(1);
            }
        }
    }
    Ok(points)
}

/// Whether the model is right as often as it says, of the first test images.
///
/// # Errors
/// As [`accuracy`].
pub(super) fn calibration(
    model: &Lzn,
    encoded: &Encoded,
    options: ClassifyOptions,
    (parts, key): (&Parts, &Value),
    progress: &dyn Progress,
) -> Result<Reliability, TaskError> {
    let (draws, most) = CALIBRATION;
    let count = most.min(options.images).min(encoded.labels.len());
    let options = ClassifyOptions { images: count, noise_scale: 1.0, ..options };
    parts.value("calibration", &json!([key, options.batch_size, draws]), || {
        progress.begin("calibration", 1);
        let probabilities = encoded.probabilities(model, options, draws)?;
        let mut metric = Calibration::new(model.classes(), BINS)?;
        metric.update((probabilities.view(), &encoded.labels[..count]))?;
        Ok(metric.finish()?)
    })
}

/// The calibration as a measure.
pub(super) fn calibration_measure(found: &Reliability, decision: Decision) -> Measure {
    let (draws, _) = CALIBRATION;
    let how = match decision {
        Decision::Linear => "softmax of the scores".to_owned(),
        Decision::Zones => format!("probability: the share of {draws} latents of the image's zone in the label's zone"),
    };
    let count: u64 = found.bins.iter().map(|bin| bin.count).sum();
    let protocol = format!("{how}; {BINS} bins of equal width");
    Measure::new("calibration error", found.expected_error, Better::Lower, protocol).of(count as usize).share()
}

/// The best of a sweep whose labels were not known to the measurement, as a measure.
pub(super) fn best_of_sweep(model: &Lzn, points: &[SweepPoint], count: usize) -> Option<Measure> {
    let fair = || points.iter().filter(|point| point.class_weights != ClassWeights::Batch);
    let best = fair().max_by(|a, b| a.accuracy.total_cmp(&b.accuracy))?;
    let sizes = fair().map(|point| point.batch_size);
    let protocol = format!(
        "best over noise scales 0 to 1.2, batches of {} to {} and class weights, chosen on the test images: noise scale {}, \
         zoned {} at a time, class weights {}",
        sizes.clone().min()?,
        sizes.max()?,
        best.noise_scale,
        best.batch_size,
        weighing(model, best.class_weights)
    );
    Some(Measure::new("best test accuracy", best.accuracy, Better::Higher, protocol).of(count).share())
}
