//! The accuracy groups: the test images once as configured, and over everything that the number depends on.

use lzn_eval::{Calibration, ConfusionMatrix, Metric, Reliability};
use serde::{Deserialize, Serialize};

use super::{Better, ClassifyOptions, Encoded, Measure, Progress};
use crate::TaskError;
use crate::config::Decision;
use crate::model::{LABEL, Lzn};

/// Noise scales of the sweep (paper, Figure 25).
const NOISE_SCALES: [f64; 7] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2];

/// Images that share a zoning in the sweep, as far as there are so many.
const BATCH_SIZES: [usize; 4] = [100, 1_000, 2_000, 10_000];

/// Latents of each image whose shares among the labels' zones are its probabilities, and test images that are asked.
const CALIBRATION: (u64, usize) = (20, 2_000);

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
    /// Whether a label's zone weighs as much as its share of the batch.
    pub class_weights: bool,
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
        Decision::Linear => "linear classifier on the anchors, moving averages".to_owned(),
        Decision::Zones => format!(
            "zoned {} at a time, noise scale {}, class weights {}, {flows}",
            options.batch_size.min(count),
            options.noise_scale,
            weighing(model, options.class_weights)
        ),
    };
    let mut measures =
        vec![Measure::new("test accuracy", matrix.accuracy(), Better::Higher, protocol).of(count).share()];
    if model.decision() == Decision::Zones {
        let zoned = JUDGED.min(count);
        let rate = encoded.zone_hit_rate(model, zoned, options.seed)?;
        let protocol = format!("latents at noise scale 1 in the zones of their own images, {flows}");
        measures.push(Measure::new("zone hit rate", rate, Better::Higher, protocol).of(zoned).share());
    }
    Ok((matrix, measures))
}

/// How much the zones of labels weigh: as the model decides, or by the labels of the batch.
pub(super) fn weighing(model: &Lzn, of_batch: bool) -> &'static str {
    let known = model.data_type(LABEL).is_ok_and(|label| label.shares.is_some());
    match (of_batch, known) {
        (true, _) => "of the batch",
        (false, true) => "of the training data",
        (false, false) => "equal",
    }
}

/// Accuracy over noise scales, numbers of images that share a zoning, and with and without class weights.
///
/// # Errors
/// As [`accuracy`].
pub(super) fn sweep(
    model: &Lzn,
    encoded: &Encoded,
    options: ClassifyOptions,
    progress: &dyn Progress,
) -> Result<Vec<SweepPoint>, TaskError> {
    let count = encoded.labels.len().min(options.images);
    let mut sizes: Vec<usize> = BATCH_SIZES.iter().map(|size| *size.min(&count)).collect();
    sizes.dedup();
    progress.begin("accuracy over noise scales and batch sizes", 2 * sizes.len() * NOISE_SCALES.len());
    let mut points = Vec::new();
    for class_weights in [false, true] {
        for &batch_size in &sizes {
            for noise_scale in NOISE_SCALES {
                let options = ClassifyOptions { batch_size, noise_scale, class_weights, ..options };
                let accuracy = encoded.classify(model, options)?.finish()?.accuracy();
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
pub(super) fn calibration(model: &Lzn, encoded: &Encoded, options: ClassifyOptions) -> Result<Reliability, TaskError> {
    let (draws, most) = CALIBRATION;
    let count = most.min(options.images).min(encoded.labels.len());
    let options = ClassifyOptions { images: count, noise_scale: 1.0, ..options };
    let probabilities = encoded.probabilities(model, options, draws)?;
    let mut metric = Calibration::new(model.classes(), BINS)?;
    metric.update((probabilities.view(), &encoded.labels[..count]))?;
    Ok(metric.finish()?)
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

/// The best of a sweep, as a measure.
pub(super) fn best_of_sweep(points: &[SweepPoint], count: usize) -> Option<Measure> {
    let best = points.iter().filter(|point| !point.class_weights).max_by(|a, b| a.accuracy.total_cmp(&b.accuracy))?;
    let protocol = format!(
        "best over noise scales 0 to 1.2 and batches of 100 to 10,000, chosen on the test images: noise scale {}, zoned {} at a time",
        best.noise_scale, best.batch_size
    );
    Some(Measure::new("best test accuracy", best.accuracy, Better::Higher, protocol).of(count).share())
}
