//! Test accuracy and sample grids along the way.

use std::collections::BTreeMap;

use super::{Hook, Session, StepReport};
use crate::TaskError;
use crate::evaluate;
use crate::pictures;
use crate::train::stage::{Stage, within};
use crate::train::team::{self, Next};

/// Name of the recorded test accuracy.
pub(super) const ACCURACY: &str = "test/accuracy";

/// Measures the moving averages and draws samples with them every `evaluate.every` steps.
#[derive(Debug)]
pub(super) struct Evaluation;

impl Hook for Evaluation {
    /// What an interrupted run has left out at its last step is made up for.
    fn start(&mut self, session: &mut Session) -> Result<(), TaskError> {
        if is_due(session) { within(Stage::Evaluation, "evaluation", || evaluate(session)) } else { Ok(()) }
    }

    fn after_step(&mut self, session: &mut Session, _: &StepReport) -> Result<(), TaskError> {
        if is_due(session) { within(Stage::Evaluation, "evaluation", || evaluate(session)) } else { Ok(()) }
    }
}

/// Whether there is an evaluation at this step. The last step is left to the results, which use all test images.
pub(super) fn is_due(session: &Session) -> bool {
    let (step, every) = (session.step, session.config.evaluate.every);
    step > 0 && every > 0 && step.is_multiple_of(every) && step != session.config.train.iterations
}

/// Measures and draws what is not there yet.
fn evaluate(session: &mut Session) -> Result<(), TaskError> {
    let images = session.config.evaluate.images;
    if !is_recorded(session, ACCURACY) {
        accuracy(session, images)?;
    }
    if !is_recorded(session, PROBES[0]) {
        probes(session, images)?;
    }
    session.wait_for_me()?;
    let path = session.folder.path().join("samples").join(format!("{:09}.png", session.step));
    if session.engine.model.decoder().is_none() || path.is_file() {
        return Ok(());
    }
    let (config, names) = (session.config.evaluate.clone(), session.class_names.clone());
    let seed = session.config.seed;
    let png = session.engine.with_averages(|model| pictures::sample_grid(model, &names, &config, seed))?;
    session.recorder.picture(session.step, "samples", &png)?;
    session.recorder.file(path, png);
    Ok(())
}

/// Whether a value of this name is on record for this step. Records that cannot be read hold none.
pub(super) fn is_recorded(session: &Session, name: &str) -> bool {
    let records = crate::run::records::read(session.folder.path()).unwrap_or_default();
    records.iter().rev().any(|record| record.step == session.step && record.values.contains_key(name))
}

/// Names of the recorded accuracies of the linear and of the nearest-neighbour probe.
pub(super) const PROBES: [&str; 2] = ["test/linear_probe", "test/knn_probe"];

/// Probes the encoder's features and records what comes out, if that is asked for; nothing without encoder, test images or labels.
pub(super) fn probes(session: &mut Session, images: usize) -> Result<(), TaskError> {
    let asked = session.config.evaluate.probes && session.engine.model.encoder().is_some();
    let Some(data) = session.data.clone().filter(|_| asked) else { return Ok(()) };
    let (train, Some(test)) = (data.train, data.test.filter(|test| test.classes() > 0)) else { return Ok(()) };
    let classes = test.classes();
    let (config, seed) = (session.config.evaluate.metrics.probe.clone(), session.config.seed);
    let count = images.min(config.images);
    session.together(Next::EncodeTrain(count))?;
    let train = team::encode((&session.world, &mut session.engine), train.as_ref(), count)?;
    session.together(Next::EncodeTest(images))?;
    let test = team::encode((&session.world, &mut session.engine), test.as_ref(), images)?;
    session.wait_for_me()?;
    let found = evaluate::probe_features((&train, &test), classes, (&config, seed))?;
    let values = PROBES.iter().zip(found).map(|(name, value)| ((*name).to_owned(), value)).collect();
    session.recorder.write(session.step, &values)?;
    session.newest_probes = Some(found);
    Ok(())
}

/// Measures and records test accuracy; none without label anchors or test images.
pub(super) fn accuracy(session: &mut Session, images: usize) -> Result<Option<f64>, TaskError> {
    let test = session.data.as_ref().and_then(|data| data.test.clone());
    let Some(test) = test.filter(|_| session.engine.model.labels().is_some()) else {
        return Ok(None);
    };
    session.together(Next::Classify(images))?;
    let how = (&session.config.evaluate, images, session.config.seed);
    let confusion = team::classify((&session.world, &mut session.engine), test.as_ref(), how)?;
    let accuracy = lzn_eval::Metric::finish(confusion)?.accuracy();
    session.recorder.write(session.step, &BTreeMap::from([(ACCURACY.to_owned(), accuracy)]))?;
    session.newest_accuracy = Some(accuracy);
    Ok(Some(accuracy))
}
