//! Shows a training run: progress, warnings, evaluations.

use std::collections::HashSet;
use std::time::Duration;

use lzn_tasks::TaskError;
use lzn_tasks::run::progress::Progress;
use lzn_tasks::train::hooks::Hook;
use lzn_tasks::train::{Outcome, Session, StepReport};

use crate::profile::Profile;

/// Time between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(20);

/// Draws the progress bar.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    progress: Option<Progress>,
    /// Where the time goes, if that is asked for.
    profile: Option<Profile>,
    /// Unreadable images that were named.
    bad: HashSet<String>,
}

impl Watch {
    /// With `profile` it also says what the parts of steps take.
    pub(crate) fn new(profile: bool) -> Self {
        Self { profile: profile.then(Profile::default), ..Self::default() }
    }
}

impl Hook for Watch {
    fn start(&mut self, session: &mut Session) -> Result<(), TaskError> {
        let total = session.config.train.iterations;
        let mut progress = Progress::new(session.step, total, EVERY);
        warn(session, &mut progress);
        if session.step >= total {
            progress.note(&format!("all {total} steps are done; there is nothing left to train"));
        } else if session.step > 0 {
            progress.note(&format!("going on from step {} of {total}", session.step));
        }
        self.progress = Some(progress);
        Ok(())
    }

    fn after_step(&mut self, session: &mut Session, report: &StepReport) -> Result<(), TaskError> {
        let Some(progress) = &mut self.progress else { return Ok(()) };
        let shown = |name: &str| !name.starts_with("lr/") && name != "loss";
        let values: Vec<(&str, f64)> =
            report.values.iter().filter(|(name, _)| shown(name)).map(|(name, value)| (name.as_str(), *value)).collect();
        progress.step(session.step, session.config.train.batch_size as u64, &values);
        if report.skipped {
            progress.note(&format!(
                "warning: step {} was skipped, its loss or gradient is not finite ({} so far)",
                session.step, session.skipped
            ));
        }
        if let Some(profile) = &mut self.profile {
            profile.add(report.times);
            if session.step.is_multiple_of(session.config.train.log_every) {
                progress.note(&format!("step {}: {}", session.step, profile.line()));
            }
        }
        name_bad(session, progress, &mut self.bad);
        warn(session, progress);
        if let Some(accuracy) = session.newest_accuracy.take() {
            progress.note(&format!("step {}: test accuracy {:.2} %", session.step, 100.0 * accuracy));
        }
        if let Some([linear, neighbours]) = session.newest_probes.take() {
            let (linear, neighbours) = (100.0 * linear, 100.0 * neighbours);
            progress.note(&format!("step {}: linear probe {linear:.2} %, kNN {neighbours:.2} %", session.step));
        }
        Ok(())
    }

    fn warned(&mut self, session: &mut Session) {
        if let Some(progress) = &mut self.progress {
            warn(session, progress);
        }
    }

    fn end(&mut self, session: &mut Session, _: Outcome) -> Result<(), TaskError> {
        if let Some(progress) = &mut self.progress {
            name_bad(session, progress, &mut self.bad);
            for line in self.profile.iter().flat_map(Profile::table) {
                progress.note(&line);
            }
            progress.finish();
        }
        Ok(())
    }
}

/// Says what is to be said loudly.
fn warn(session: &mut Session, progress: &mut Progress) {
    for warning in session.warnings.drain(..) {
        progress.note(&format!("warning: {warning}"));
    }
}

/// Names images that could not be decoded, each once.
fn name_bad(session: &Session, progress: &mut Progress, named: &mut HashSet<String>) {
    for message in session.data.iter().flat_map(lzn_tasks::data::RunData::bad_images) {
        if named.insert(message.clone()) {
            progress.note(&format!("warning: left out, {message} ({} so far)", named.len()));
        }
    }
}
