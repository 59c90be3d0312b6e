//! Probes: what a simple classifier reads off the encoder's representations.

use lzn_eval::probe::{KnnProbe, LabelledFeatures, LinearProbe, LinearProbeConfig, Vote};
use ndarray::{Array2, ArrayView2, s};
use tch::Tensor;

use super::classify::noise;
use super::{Better, Encoded, Measure, Progress};
use crate::TaskError;
use crate::config::ProbeConfig;
use crate::data::matrix;
use crate::model::Lzn;

/// What of an image is probed (paper, appendix D.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Representation {
    /// The encoder's features before its head; what the published figures are of.
    Features,
    /// The anchors.
    Head,
    /// Latents, drawn from all over the zones.
    Latents,
    /// The centres of the zones: latents at noise scale 0.
    Centres,
}

impl Representation {
    const ALL: [Self; 4] = [Self::Features, Self::Head, Self::Latents, Self::Centres];

    fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Head => "head",
            Self::Latents => "latents",
            Self::Centres => "latents at zero noise",
        }
    }

    /// Rows of all images. Zones are those of up to `batch` images together; `part` keeps the noise of training and test images apart.
    fn rows(self, model: &Lzn, of: &Encoded, (batch, seed, part): (usize, u64, u64)) -> Result<Array2<f32>, TaskError> {
        let zoned = |scale: f64| {
            let pieces = of.anchors.split(batch.max(1) as i64, 0).into_iter().enumerate().map(|(number, anchors)| {
                let draws = noise(model, anchors.size()[0] as usize, seed, 2 * number as u64 + part) * scale;
                tch::no_grad(|| model.latents_of_anchors(&anchors, &draws))
            });
            Ok::<_, TaskError>(Tensor::cat(&pieces.collect::<Result<Vec<_>, _>>()?, 0))
        };
        match self {
            Self::Features => matrix(&of.features),
            Self::Head => matrix(&of.anchors),
            Self::Latents => matrix(&zoned(1.0)?),
            Self::Centres => matrix(&zoned(0.0)?),
        }
    }
}

/// Rows to fit a probe with and rows to judge it by, with their labels.
struct Rows<'a> {
    fitted: LabelledFeatures<'a>,
    judged: LabelledFeatures<'a>,
}

/// Accuracy of the linear and of the nearest-neighbour probe on features without the head.
///
/// # Errors
/// [`TaskError::Eval`] if features are not finite.
pub fn probe_features(
    (train, test): (&Encoded, &Encoded),
    classes: usize,
    (config, seed): (&ProbeConfig, u64),
) -> Result<[f64; 2], TaskError> {
    let (train_rows, test_rows) = (matrix(&train.features)?, matrix(&test.features)?);
    let rows = split((train_rows.view(), &train.labels), (test_rows.view(), &test.labels), classes, config)?;
    Ok([linear(&rows, config, seed)?.accuracy(&rows.judged, 1)?, neighbours(&rows, config)?])
}

/// Accuracies of the linear and of the nearest-neighbour probe on all representations.
///
/// # Errors
/// [`TaskError::Eval`] if representations are not finite.
pub(super) fn probes(
    model: &Lzn,
    (train, test): (&Encoded, &Encoded),
    classes: usize,
    (config, batch, seed): (&ProbeConfig, usize, u64),
    progress: &dyn Progress,
) -> Result<Vec<Measure>, TaskError> {
    progress.begin("probes", Representation::ALL.len());
    let mut all = Vec::new();
    for what in Representation::ALL {
        let rows = |of, part| what.rows(model, of, (batch, seed, part));
        let (train_rows, test_rows) = (rows(train, 0)?, rows(test, 1)?);
        let rows = split((train_rows.view(), &train.labels), (test_rows.view(), &test.labels), classes, config)?;
        let probe = linear(&rows, config, seed)?;
        let judged = rows.judged.labels().len();
        let share = |name: String, value, protocol: &str| {
            Measure::new(name, value, Better::Higher, protocol).of(judged).share()
        };
        let (fitted_by, voted_by) = protocols(&rows, config);
        all.push(share(format!("linear probe, {}", what.name()), probe.accuracy(&rows.judged, 1)?, &fitted_by));
        // As published for the thousand classes of ImageNet; of ten classes the first five say little.
        for k in [5, 10].into_iter().filter(|k| what == Representation::Features && 2 * k < classes) {
            let top = probe.accuracy(&rows.judged, k)?;
            all.push(share(format!("linear probe, {}, top {k}", what.name()), top, &fitted_by));
        }
        all.push(share(format!("kNN probe, {}", what.name()), neighbours(&rows, config)?, &voted_by));
        progress.advance(1);
    }
    Ok(all)
}

/// The training images before the test images, or before those of them that are held out.
fn split<'a>(
    (train, labels): (ArrayView2<'a, f32>, &'a [i64]),
    (test, test_labels): (ArrayView2<'a, f32>, &'a [i64]),
    classes: usize,
    config: &ProbeConfig,
) -> Result<Rows<'a>, TaskError> {
    if config.held_out == 0.0 {
        let fitted = LabelledFeatures::new(train, labels, classes)?;
        return Ok(Rows { fitted, judged: LabelledFeatures::new(test, test_labels, classes)? });
    }
    let held = (config.held_out * labels.len() as f64).round() as usize;
    let kept = labels.len() - held;
    let fitted = LabelledFeatures::new(train.slice_move(s![..kept, ..]), &labels[..kept], classes)?;
    Ok(Rows { fitted, judged: LabelledFeatures::new(train.slice_move(s![kept.., ..]), &labels[kept..], classes)? })
}

fn linear(rows: &Rows<'_>, config: &ProbeConfig, seed: u64) -> Result<LinearProbe, TaskError> {
    let settings = LinearProbeConfig {
        epochs: config.epochs,
        batch: config.batch_size,
        learning_rate: config.learning_rate,
        schedule: config.schedule,
        standardise: config.standardise,
        ..LinearProbeConfig::published(seed)
    };
    Ok(LinearProbe::train(&rows.fitted, &rows.judged, &settings)?.probe)
}

fn neighbours(rows: &Rows<'_>, config: &ProbeConfig) -> Result<f64, TaskError> {
    let k = config.neighbours.min(rows.fitted.labels().len());
    let probe = KnnProbe::new(k, Vote::Weighted { temperature: config.temperature })?;
    Ok(probe.accuracy(&rows.fitted, &rows.judged)?)
}

/// Settings of both probes in words.
fn protocols(rows: &Rows<'_>, config: &ProbeConfig) -> (String, String) {
    let count = rows.fitted.labels().len();
    let standardised = if config.standardise { ", standardised" } else { "" };
    let held_out = if config.held_out > 0.0 { "; judged by held-out training images" } else { "" };
    let (rate, epochs, batch) = (config.learning_rate, config.epochs, config.batch_size);
    let k = config.neighbours.min(count);
    (
        format!("AdamW {rate}, {epochs} epochs of batches of {batch}{standardised}, fitted on {count}{held_out}"),
        format!("cosine, k = {k}, temperature {}, among {count}{held_out}", config.temperature),
    )
}
