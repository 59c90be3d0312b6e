//! Losses and rates into the run's records.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lzn_torch::dist::Traffic;

use super::{Hook, Session, StepReport};
use crate::TaskError;

/// Records the values of every `train.log_every`-th step.
#[derive(Debug, Default)]
pub(super) struct Records {
    last: Option<(u64, Instant)>,
    /// What training had waited for checkpoints until then.
    stalled: Duration,
    /// What workers had exchanged until then.
    exchanged: Traffic,
}

impl Hook for Records {
    fn start(&mut self, session: &mut Session) -> Result<(), TaskError> {
        self.last = Some((session.step, Instant::now()));
        self.exchanged = session.world.traffic();
        Ok(())
    }

    fn after_step(&mut self, session: &mut Session, report: &StepReport) -> Result<(), TaskError> {
        if !session.step.is_multiple_of(session.config.train.log_every) {
            return Ok(());
        }
        let mut values: BTreeMap<String, f64> =
            report.values.iter().map(|(name, value)| (format!("train/{name}"), *value)).collect();
        values.insert("train/skipped".to_owned(), session.skipped as f64);
        if let Some((step, since)) = self.last {
            let images = (session.step - step) as f64 * session.config.train.batch_size as f64;
            let seconds = since.elapsed().as_secs_f64();
            values.insert("time/images_per_second".to_owned(), images / seconds);
            let stalled = session.stalled.saturating_sub(self.stalled);
            values.insert("time/saving_share".to_owned(), stalled.as_secs_f64() / seconds);
            self.stalled = session.stalled;
            if !session.world.is_alone() {
                let all = session.world.traffic();
                // Of this step alone, not a mean since the record before: a run that went on in between is to record the same.
                values.insert("exchange/bytes_per_step".to_owned(), report.exchanged as f64);
                for (name, time) in [
                    ("time/exchange_share", all.time.saturating_sub(self.exchanged.time)),
                    ("time/gathers_share", all.gathers.saturating_sub(self.exchanged.gathers)),
                    ("time/gradients_share", all.gradients.saturating_sub(self.exchanged.gradients)),
                ] {
                    values.insert(name.to_owned(), time.as_secs_f64() / seconds);
                }
                self.exchanged = all;
            }
        }
        values.extend(report.times.zoning_share().map(|share| ("time/zoning_share".to_owned(), share)));
        self.last = Some((session.step, Instant::now()));
        Ok(session.recorder.write(session.step, &values)?)
    }
}
