//! Probes: what a simple classifier reads off the encoder's representation.

use lzn_eval::probe::{KnnProbe, LabelledFeatures, LinearProbe, LinearProbeConfig, Schedule, Vote};

use super::{Better, Encoded, Measure, Progress};
use crate::TaskError;
use crate::data::matrix;
use crate::model::Lzn;

/// Training rows of the probes; more would only take longer on the data sets for which this is meant.
pub(super) const MOST: usize = 50_000;

/// Linear and nearest-neighbour accuracy on anchors and on the centres of zones.
///
/// # Errors
/// [`TaskError::Eval`] if representations are not finite.
pub(super) fn probes(
    model: &Lzn,
    (train, test): (&Encoded, &Encoded),
    classes: usize,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Vec<Measure>, TaskError> {
    let config = LinearProbeConfig {
        epochs: 50,
        batch: 256,
        learning_rate: 1e-3,
        schedule: Schedule::Cosine,
        standardise: true,
        ..LinearProbeConfig::published(seed)
    };
    let centres = |of: &Encoded| tch::no_grad(|| model.latents_of_anchors(&of.anchors, &of.anchors.zeros_like()));
    progress.begin("probes", 2);
    let mut all = Vec::new();
    for (what, train_rows, test_rows) in [
        ("anchors", train.anchors.shallow_clone(), test.anchors.shallow_clone()),
        ("latents at noise scale 0", centres(train)?, centres(test)?),
    ] {
        let (train_rows, test_rows) = (matrix(&train_rows)?, matrix(&test_rows)?);
        let fitted = LabelledFeatures::new(train_rows.view(), &train.labels, classes)?;
        let judged = LabelledFeatures::new(test_rows.view(), &test.labels, classes)?;
        let probe = LinearProbe::train(&fitted, &judged, &config)?.probe;
        let linear = format!(
            "{what}; AdamW {}, {} epochs, standardised, fitted on {}",
            config.learning_rate,
            config.epochs,
            train.labels.len()
        );
        let share = |name: &str, value, protocol| {
            Measure::new(name, value, Better::Higher, protocol).of(test.labels.len()).share()
        };
        all.push(share("linear probe", probe.accuracy(&judged, 1)?, linear));
        let k = 20.min(train.labels.len());
        let knn = KnnProbe::new(k, Vote::Weighted { temperature: 0.07 })?.accuracy(&fitted, &judged)?;
        all.push(share(
            "kNN probe",
            knn,
            format!("{what}; cosine, k = {k}, temperature 0.07, among {}", train.labels.len()),
        ));
        progress.advance(1);
    }
    Ok(all)
}
