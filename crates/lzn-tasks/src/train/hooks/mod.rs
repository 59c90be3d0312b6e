//! What happens between steps: records, checkpoints, evaluation, and the files that a finished run leaves.

mod checkpoints;
mod evaluation;
mod records;
mod results;

use super::StepReport;
use super::trainer::{Outcome, Session};
use crate::TaskError;

/// Something that happens between steps. A hook may read the whole session and record values; it must not change what the
/// next step computes. One that takes long calls [`crate::run::signals::check`] along the way, hands its error on when the run is to stop,
/// and makes up for it at the next start.
pub trait Hook {
    /// Called once before the first step.
    ///
    /// # Errors
    /// Whatever ends the run.
    fn start(&mut self, session: &mut Session) -> Result<(), TaskError> {
        let _ = session;
        Ok(())
    }

    /// Called after each step.
    ///
    /// # Errors
    /// Whatever ends the run.
    fn after_step(&mut self, session: &mut Session, report: &StepReport) -> Result<(), TaskError>;

    /// Called when there may be something among [`Session::warnings`] outside of steps, for whoever shows them.
    fn warned(&mut self, session: &mut Session) {
        let _ = session;
    }

    /// Called once after the last step, when the last checkpoint is saved.
    ///
    /// # Errors
    /// Whatever ends the run.
    fn end(&mut self, session: &mut Session, outcome: Outcome) -> Result<(), TaskError> {
        let _ = (session, outcome);
        Ok(())
    }
}

/// The hooks of every run, in the order in which they are called.
pub(super) fn standard() -> Vec<Box<dyn Hook>> {
    vec![
        Box::new(records::Records::default()),
        // Before evaluations: they may take longer than whoever stops the run will wait.
        Box::new(checkpoints::SaveCheckpoints),
        Box::new(evaluation::Evaluation),
        Box::new(results::Results),
    ]
}
