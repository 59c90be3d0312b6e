//! What a finished run leaves: weights for use, samples, curves, accuracy.

use super::evaluation::{ACCURACY, PROBES, accuracy, is_recorded, probes};
use super::{Hook, Outcome, Session, StepReport};
use crate::TaskError;
use crate::model::{Banks, Weights};
use crate::pictures;

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
        if !is_recorded(session, ACCURACY) {
            accuracy(session, usize::MAX)?;
        }
        if !is_recorded(session, PROBES[0]) {
            probes(session, usize::MAX)?;
        }
        session.wait_for_me()?;
        session.recorder.flush()?;
        let (config, names) = (session.config.clone(), session.class_names.clone());
        let train = session.data.as_ref().map(|data| data.train.clone());
        let (banks, grid) = session.engine.with_averages(|model| {
            let banks = match train {
                Some(train) => Banks::of(model, train.as_ref(), Banks::IMAGES)?,
                None => Banks::default(),
            };
            // A model that only represents draws nothing.
            let draw = |_| pictures::sample_grid(model, &names, &config.evaluate, config.seed);
            Ok((banks, model.decoder().map(draw).transpose()?))
        })?;
        let folder = session.folder.path().to_owned();
        Weights::save(&folder.join("weights.safetensors"), &config, &names, session.engine.averages(), &banks)?;
        if let Some(grid) = grid {
            pictures::write(&folder.join("samples.png"), &grid)?;
            session.recorder.picture(session.step, "samples", &grid)?;
        }
        pictures::curves(&folder)
    }
}
