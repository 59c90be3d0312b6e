//! `metrics.jsonl`: one JSON object per line, and its repair after a crash.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::run::error::RunError;

/// What was recorded at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Finished training steps.
    pub step: u64,
    /// The values by name; `None` for one that was not finite.
    #[serde(flatten)]
    pub values: BTreeMap<String, Option<f64>>,
}

/// Reads all records of the run in `folder`; a torn last line is passed over.
///
/// # Errors
/// [`RunError::Record`] if another line is not a record; [`RunError::Io`].
pub fn read(folder: &Path) -> Result<Vec<Record>, RunError> {
    let mut records = Vec::new();
    scan(&folder.join("metrics.jsonl"), |record, _| {
        records.push(record);
        Ok(true)
    })?;
    Ok(records)
}

/// The open file. Its length is known, so that a line of which only a part fits on the disk can be taken back.
#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Lines {
    /// Opens or makes the file, cut behind the last record of a step up to `keep`; `None` keeps nothing.
    pub(super) fn open(path: PathBuf, keep: Option<u64>) -> Result<Self, RunError> {
        let file = File::options().append(true).create(true).open(&path).map_err(RunError::io(&path))?;
        let mut bytes = 0;
        if let Some(last) = keep {
            scan(&path, |record, end| {
                let kept = record.step <= last;
                if kept {
                    bytes = end;
                }
                Ok(kept)
            })?;
        }
        file.set_len(bytes).map_err(RunError::io(&path))?;
        Ok(Self { file, path, bytes })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn append(&mut self, step: u64, values: &BTreeMap<String, f64>) -> Result<(), RunError> {
        let values = values.iter().map(|(name, &value)| (name.clone(), Some(value))).collect();
        let mut line = serde_json::to_vec(&Record { step, values })
            .map_err(|error| RunError::io(&self.path)(io::Error::other(error)))?;
        line.push(b'\n');
        self.bytes = append_whole(&mut self.file, self.bytes, &line).map_err(RunError::io(&self.path))?;
        Ok(())
    }

    /// The file and its path.
    pub(super) fn open_file(&self) -> (&Path, &File) {
        (&self.path, &self.file)
    }

    pub(super) fn sync(&self) -> Result<(), RunError> {
        self.file.sync_data().map_err(RunError::io(&self.path))
    }
}

/// Appends `line` to a file of `bytes` bytes and returns the new length; on failure nothing of the line stays.
pub(super) fn append_whole(file: &mut File, bytes: u64, line: &[u8]) -> io::Result<u64> {
    match file.write_all(line) {
        Ok(()) => Ok(bytes + line.len() as u64),
        Err(error) => {
            // Best effort: should this fail too, the torn line is dropped on resuming.
            let _ = file.set_len(bytes);
            Err(error)
        }
    }
}

/// Calls `each` with every record and the offset of its line's end, until it returns false.
///
/// A last line without line break is torn and is passed over.
pub(super) fn scan(path: &Path, mut each: impl FnMut(Record, u64) -> Result<bool, RunError>) -> Result<(), RunError> {
    let mut end = 0;
    let reader = BufReader::new(File::open(path).map_err(RunError::io(path))?);
    scan_from((path, reader), 1, |record, line| {
        end += line.len() as u64;
        each(record, end)
    })
}

/// Calls `each` with every record that is still to be read, and its line, until it returns false; the first is line `number` of the file.
/// As [`scan`].
pub(super) fn scan_from(
    (path, mut reader): (&Path, impl BufRead),
    number: usize,
    mut each: impl FnMut(Record, &[u8]) -> Result<bool, RunError>,
) -> Result<(), RunError> {
    let mut line = Vec::new();
    for number in number.. {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(RunError::io(path))?;
        if line.last() != Some(&b'\n') {
            break;
        }
        let record = serde_json::from_slice(&line).map_err(|error| RunError::Record {
            path: path.to_owned(),
            line: number,
            reason: format!("not a record ({error})"),
        })?;
        if !each(record, &line)? {
            break;
        }
    }
    Ok(())
}
