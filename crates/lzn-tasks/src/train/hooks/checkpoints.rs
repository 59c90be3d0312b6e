//! Checkpoints at intervals.

use super::{Hook, Session, StepReport};
use crate::TaskError;

/// Saves a checkpoint every `train.checkpoint_every` steps.
#[derive(Debug)]
pub(super) struct SaveCheckpoints;

impl Hook for SaveCheckpoints {
    fn after_step(&mut self, session: &mut Session, _: &StepReport) -> Result<(), TaskError> {
        if session.step.is_multiple_of(session.config.train.checkpoint_every) { session.save() } else { Ok(()) }
    }
}
