//! Records of a run: named numbers by step, written to JSON lines, CSV and TensorBoard at once.
//!
//! `metrics.jsonl` is the source: one line per record, written with a single write, so that only the last line can be torn. The
//! CSV file is a function of it. A resumed run drops what was recorded after its checkpoint, so its files end
//! up with the same bytes as those of a run that was never interrupted.

mod csv;
mod events;
mod lines;

use std::collections::BTreeMap;
use std::path::Path;

use self::csv::Table;
use self::events::EventFile;
use self::lines::Lines;
pub use self::lines::{Record, read};
use super::error::RunError;

/// Writes records to every format.
///
/// Steps must not decrease. Write all records of a step, then [`sync`](Self::sync), before the checkpoint of that step is
/// saved: what comes after it is dropped on resuming.
#[derive(Debug)]
pub struct Recorder {
    lines: Lines,
    table: Table,
    events: EventFile,
}

impl Recorder {
    /// Opens the records in the run folder `folder`. `resume_after` is the step of the checkpoint that the run goes on
    /// from: records of later steps, and a last line that was torn by a crash, are dropped. `None` drops all.
    ///
    /// # Errors
    /// [`RunError::Record`] if a line other than the last is not a record; [`RunError::Io`], [`RunError::DiskFull`].
    pub fn open(folder: &Path, resume_after: Option<u64>) -> Result<Self, RunError> {
        let lines = Lines::open(folder.join("metrics.jsonl"), resume_after)?;
        let table = Table::rebuild(folder.join("metrics.csv"), lines.path())?;
        let events = EventFile::create(&folder.join("tensorboard"), resume_after.map_or(0, |step| step + 1))?;
        Ok(Self { lines, table, events })
    }

    /// Records `values` at `step`, the number of finished training steps.
    ///
    /// A value that is not finite becomes `null` in JSON, which has no word for it, and `NaN` in CSV. A name that was not there before becomes a new last column of the CSV file, empty in earlier rows.
    ///
    /// # Errors
    /// [`RunError::Name`] for a name that CSV or JSON could not keep apart; [`RunError::Io`], [`RunError::DiskFull`].
    pub fn write(&mut self, step: u64, values: &BTreeMap<String, f64>) -> Result<(), RunError> {
        for name in values.keys() {
            check_name(name)?;
        }
        self.lines.append(step, values)?;
        if self.table.covers(values) {
            self.table.append(step, values)?;
        } else {
            self.table = Table::rebuild(self.table.path().to_owned(), self.lines.path())?;
        }
        self.events.scalars(step, values)
    }

    /// Records a picture at `step`: the bytes of a PNG file. It goes to TensorBoard alone.
    ///
    /// # Errors
    /// [`RunError::NotPng`]; [`RunError::Io`], [`RunError::DiskFull`].
    pub fn picture(&mut self, step: u64, tag: &str, png: &[u8]) -> Result<(), RunError> {
        self.events.picture(step, tag, png)
    }

    /// Returns when everything recorded so far would survive a loss of power.
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::DiskFull`].
    pub fn sync(&self) -> Result<(), RunError> {
        self.lines.sync()?;
        self.table.sync()?;
        self.events.sync()
    }
}

fn check_name(name: &str) -> Result<(), RunError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name == "step" {
        "the column `step` is there already"
    } else if name.contains([',', '"']) || name.contains(char::is_control) {
        "commas, quotes and control characters would break the CSV file"
    } else {
        return Ok(());
    };
    Err(RunError::Name { what: "name of a recorded value", name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests;
