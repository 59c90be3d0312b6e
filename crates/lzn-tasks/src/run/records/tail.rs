//! The records of a run that goes on: each look reads what was added since the one before.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::lines::{Record, scan_from};
use crate::run::error::RunError;

/// The records so far, and where in the file their lines end.
#[derive(Debug, Clone)]
pub struct Tail {
    path: PathBuf,
    records: Vec<Record>,
    /// Where the last whole line ends.
    end: u64,
    /// The end of that line, by which a file that was cut and written anew is told from one that has grown.
    last: Vec<u8>,
}

/// Bytes of the last line that are compared: records have times among their values, so that no two end alike.
const COMPARED: u64 = 4096;

impl Tail {
    /// The records of the run in `folder`, of which nothing is read yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("metrics.jsonl"), records: Vec::new(), end: 0, last: Vec::new() }
    }

    /// What was read so far.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Reads what was added. If a run that went on from an earlier step has taken something back, everything is read again. A torn last
    /// line is left for later, and a file that is not there has no records.
    ///
    /// # Errors
    /// [`RunError::Record`] if another line is not a record; [`RunError::Io`]. The next look then tries the same again.
    pub fn look(&mut self) -> Result<(), RunError> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.forget();
                return Ok(());
            }
            opened => opened.map_err(RunError::io(&self.path))?,
        };
        if !self.goes_on(&mut file).map_err(RunError::io(&self.path))? {
            self.forget();
        }
        file.seek(SeekFrom::Start(self.end)).map_err(RunError::io(&self.path))?;
        let (records, last) = (&mut self.records, &mut self.last);
        let (mut end, number) = (self.end, records.len() + 1);
        let read = scan_from((&self.path, BufReader::new(file)), number, |record, line| {
            records.push(record);
            end += line.len() as u64;
            last.clear();
            last.extend_from_slice(&line[line.len().saturating_sub(COMPARED as usize)..]);
            Ok(true)
        });
        self.end = end;
        read
    }

    /// Whether the file still has the last line where it was.
    fn goes_on(&self, file: &mut File) -> io::Result<bool> {
        let length = self.last.len() as u64;
        let mut there = Vec::new();
        file.seek(SeekFrom::Start(self.end - length))?;
        file.take(length).read_to_end(&mut there)?;
        Ok(there == self.last)
    }

    fn forget(&mut self) {
        self.records.clear();
        self.last.clear();
        self.end = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::run::Recorder;

    fn steps(tail: &mut Tail) -> Vec<u64> {
        tail.look().unwrap();
        tail.records().iter().map(|record| record.step).collect()
    }

    fn write(folder: &Path, keep: u64, steps: std::ops::RangeInclusive<u64>, value: f64) {
        let mut recorder = Recorder::open(folder, Some(keep)).unwrap();
        for step in steps {
            recorder.write(step, &[("loss".to_owned(), value + step as f64)].into()).unwrap();
        }
    }

    #[test]
    fn what_is_added_is_read_and_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(folder.path());
        assert_eq!(steps(&mut tail), [0; 0], "no file yet");
        write(folder.path(), 0, 1..=3, 0.0);
        assert_eq!(steps(&mut tail), [1, 2, 3]);
        // What lies before the last line is not read again, so that damage to it is not seen.
        let path = folder.path().join("metrics.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("step", "stop", 1) + "{\"step\":4,\"lo").unwrap();
        assert_eq!(steps(&mut tail), [1, 2, 3], "a torn line");
        fs::write(&path, text + "{\"step\":4,\"loss\":0.5}\n").unwrap();
        assert_eq!(steps(&mut tail), [1, 2, 3, 4]);
        assert_eq!(tail.records()[3].values["loss"], Some(0.5));
    }

    #[test]
    fn what_was_taken_back_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(folder.path());
        write(folder.path(), 0, 1..=5, 0.0);
        assert_eq!(steps(&mut tail), [1, 2, 3, 4, 5]);
        write(folder.path(), 2, 3..=3, 0.0);
        assert_eq!(steps(&mut tail), [1, 2, 3], "shorter than before");
        write(folder.path(), 1, 2..=6, 1.0);
        assert_eq!(steps(&mut tail), [1, 2, 3, 4, 5, 6], "longer than before");
        assert_eq!(tail.records()[1].values["loss"], Some(3.0), "of the new run");
        fs::remove_file(folder.path().join("metrics.jsonl")).unwrap();
        assert_eq!(steps(&mut tail), [0; 0]);
    }

    #[test]
    fn a_damaged_line_is_named_by_its_number_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(folder.path());
        write(folder.path(), 0, 1..=3, 0.0);
        assert_eq!(steps(&mut tail).len(), 3);
        let path = folder.path().join("metrics.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text + "{}\n").unwrap();
        assert!(matches!(tail.look(), Err(RunError::Record { line: 4, .. })));
        assert_eq!(tail.records().len(), 3);
    }
}
