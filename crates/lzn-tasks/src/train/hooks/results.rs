//! What a finished run leaves: weights for use, samples, curves, accuracy.

use super::evaluation::{ACCURACY, PROBES, accuracy, probes};
use super::{Hook, Outcome, Session, StepReport};
use crate::TaskError;
use crate::model::{Lzn, TEXT, TEXT_BANK, Weights};
use crate::pictures;
use crate::types::{DataType, Pass, Samples};

/// Training images in the anchor bank.
pub(crate) const BANK: usize = 1_000;

/// Writes `weights.safetensors`, `samples.png` and `curves.png` when the last iteration is done.
#[derive(Debug)]
pub(super) struct Results;

impl Hook for Results {
    fn after_step(&mut self, _: &mut Session, _: &StepReport) -> Result<(), TaskError> {
        Ok(())
    }

    fn end(&mut self, session: &mut Session, outcome: Outcome) -> Result<(), TaskError> {
        if outcome == Outcome::Interrupted {
            return Ok(());
        }
        if !measured(session)? {
            accuracy(session, usize::MAX)?;
            probes(session, usize::MAX)?;
            session.recorder.sync()?;
        }
        let (config, names) = (session.config.clone(), session.class_names.clone());
        let train = session.data.as_ref().map(|data| data.train.clone());
        let (bank, texts, grid) = session.engine.with_averages(|model| {
            let (bank, texts) = match train {
                Some(train) => (anchor_bank(model, train.as_ref(), BANK)?, text_bank(model, train.as_ref(), BANK)?),
                None => (None, None),
            };
            // A model that only represents draws nothing.
            let draw = |_| pictures::sample_grid(model, &names, &config.evaluate, config.seed);
            Ok((bank, texts, model.decoder().map(draw).transpose()?))
        })?;
        let folder = session.folder.path().to_owned();
        let texts = texts.map(|texts| (TEXT_BANK.to_owned(), texts));
        let tensors = session.engine.averages().into_iter().chain(texts).collect();
        Weights::save(&folder.join("weights.safetensors"), &config, &names, tensors, bank.as_ref())?;
        if let Some(grid) = grid {
            pictures::write(&folder.join("samples.png"), &grid)?;
            session.recorder.picture(session.step, "samples", &grid)?;
        }
        pictures::curves(&folder)
    }
}

/// Whether the accuracy of this step is on record: a finished run that is resumed measures nothing anew.
fn measured(session: &Session) -> Result<bool, TaskError> {
    let records = crate::run::records::read(session.folder.path())?;
    let here = |record: &crate::run::records::Record| {
        record.step == session.step && [ACCURACY, PROBES[0]].iter().any(|name| record.values.contains_key(*name))
    };
    Ok(records.iter().any(here))
}

/// Up to `count` of the numbers below `all`, evenly spaced.
fn evenly(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    (0..count).map(move |i| i * all / count)
}

/// Anchors of the distinct texts of up to `count` evenly spaced training samples; none without a text encoder or texts.
pub(crate) fn text_bank(
    model: &Lzn,
    data: &dyn lzn_data::Dataset,
    count: usize,
) -> Result<Option<tch::Tensor>, TaskError> {
    if !data.has_texts() || !model.data_type(TEXT).is_ok_and(DataType::encodes) {
        return Ok(None);
    }
    let texts = evenly(data.len(), count).map(|i| data.text(i)).collect::<Result<Vec<_>, _>>()?;
    let samples = Samples::Texts(texts.into_iter().flatten().collect());
    if samples.is_empty() {
        return Ok(None);
    }
    tch::no_grad(|| Ok(Some(model.place(TEXT, &samples, Pass::USE)?.anchors)))
}

/// Anchors of up to `count` evenly spaced training images; none without an image encoder.
pub(crate) fn anchor_bank(
    model: &Lzn,
    data: &dyn lzn_data::Dataset,
    count: usize,
) -> Result<Option<tch::Tensor>, TaskError> {
    if model.encoder().is_none() {
        return Ok(None);
    }
    let indices: Vec<usize> = evenly(data.len(), count).collect();
    let (images, _) = crate::data::read(data, &indices, model.device())?;
    Ok(Some(model.anchors(&images, 100)?))
}
