//! Records of a run: named numbers by step, written to JSON lines, CSV and TensorBoard at once.
//!
//! `metrics.jsonl` is the source: one line per record, written with a single write, so that only the last line can be torn. The
//! CSV file is a function of it. A resumed run drops what was recorded after its checkpoint, so its files end
//! up with the same bytes as those of a run that was never interrupted.

mod csv;
mod events;
mod lines;
mod tail;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use self::csv::Table;
use self::events::EventFile;
use self::lines::Lines;
pub use self::lines::{Record, read};
pub use self::tail::Tail;
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
        values.keys().try_for_each(|name| check_name(name))?;
        self.write_parts(step, values, &mut Part::Nothing)
    }

    /// As [`Recorder::write`], of values with good names: what is left to do after `done`, which follows, so that a failure can be
    /// mended without doing anything twice.
    pub(super) fn write_parts(
        &mut self,
        step: u64,
        values: &BTreeMap<String, f64>,
        done: &mut Part,
    ) -> Result<(), RunError> {
        if *done == Part::Nothing {
            self.lines.append(step, values)?;
            *done = Part::Line;
        }
        if *done == Part::Line {
            if self.table.covers(values) {
                self.table.append(step, values)?;
            } else {
                self.table = Table::rebuild(self.table.path().to_owned(), self.lines.path())?;
            }
            *done = Part::Row;
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

    /// Whether the open files are still those that the folder has under their names.
    pub(super) fn is_in_place(&self) -> bool {
        self.files().into_iter().all(|(path, file)| same_file(path, file))
    }

    /// The open files once more, with their paths; those that the system does not give are left out.
    pub(super) fn handles(&self) -> Vec<(PathBuf, File)> {
        self.files().into_iter().filter_map(|(path, file)| Some((path.to_owned(), file.try_clone().ok()?))).collect()
    }

    fn files(&self) -> [(&Path, &File); 3] {
        [self.lines.open_file(), self.table.open_file(), self.events.open_file()]
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

/// How far the writing of one record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing of it is written.
    Nothing,
    /// Its line in JSON is.
    Line,
    /// That, and its row in the table.
    Row,
}

/// Whether `path` leads to the open `file`; where the system does not number its files, whether it leads to any.
pub(super) fn same_file(path: &Path, file: &File) -> bool {
    let (Ok(named), Ok(open)) = (fs::metadata(path), file.metadata()) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (named.dev(), named.ino()) == (open.dev(), open.ino())
    }
    #[cfg(not(unix))]
    {
        named.is_file() == open.is_file()
    }
}

/// Refuses a picture that is no PNG file.
pub(super) fn check_picture(tag: &str, png: &[u8]) -> Result<(), RunError> {
    events::png_size(png).map(drop).ok_or_else(|| RunError::NotPng { tag: tag.to_owned() })
}

/// Refuses names that would break a file.
pub(super) fn check_name(name: &str) -> Result<(), RunError> {
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
