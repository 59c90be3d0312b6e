//! Checkpoints at intervals.

use super::{Hook, Session, StepReport};
use crate::TaskError;

/// Saves a checkpoint every `train.checkpoint_every` steps, at those to be kept for good, and before each evaluation.
#[derive(Debug)]
pub(super) struct SaveCheckpoints;

impl Hook for SaveCheckpoints {
    fn after_step(&mut self, session: &mut Session, _: &StepReport) -> Result<(), TaskError> {
        let (step, train) = (session.step, &session.config.train);
        let kept = train.keep_every.is_some_and(|every| step.is_multiple_of(every));
        if kept || step.is_multiple_of(train.checkpoint_every) || super::evaluation::is_due(session) {
            session.save();
        }
        Ok(())
    }
}
