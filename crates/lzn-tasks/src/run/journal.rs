//! Records and pictures of a run, which wait in memory while the disk refuses to take them.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::error::RunError;
use super::folder::write_atomically;
use super::records::{Part, Recorder, check_name, check_picture};
use super::trouble::Trouble;

/// A [`Recorder`] with patience: what a full, read-only or vanished folder does not take is kept in memory, in its order, and is
/// written once it can be. Files that were removed meanwhile are made anew.
///
/// What waits is lost with the process, so [`warnings`](Self::take_warnings) are loud.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    /// None from a failure until the files are open again.
    recorder: Option<Recorder>,
    /// The newest step of which something is in the files.
    newest: Option<u64>,
    waiting: VecDeque<Entry>,
    trouble: Option<Trouble>,
    warnings: Vec<String>,
}

/// Something to write.
#[derive(Debug)]
enum Entry {
    /// Numbers, and what of them is in the files already.
    Values {
        step: u64,
        values: BTreeMap<String, f64>,
        done: Part,
    },
    Picture {
        step: u64,
        tag: String,
        png: Vec<u8>,
    },
    /// A whole file.
    Whole {
        path: PathBuf,
        bytes: Vec<u8>,
    },
}

impl Journal {
    /// Opens the records in the run folder `folder`, as [`Recorder::open`].
    ///
    /// # Errors
    /// Those of [`Recorder::open`]: a run does not begin on a disk that takes nothing.
    pub fn open(folder: &Path, resume_after: Option<u64>) -> Result<Self, RunError> {
        let recorder = Some(Recorder::open(folder, resume_after)?);
        let (waiting, warnings) = (VecDeque::new(), Vec::new());
        Ok(Self { folder: folder.to_owned(), recorder, newest: resume_after, waiting, trouble: None, warnings })
    }

    /// Records `values` at `step`, as [`Recorder::write`], now or later.
    ///
    /// # Errors
    /// [`RunError::Name`] for a name that CSV or JSON could not keep apart.
    pub fn write(&mut self, step: u64, values: &BTreeMap<String, f64>) -> Result<(), RunError> {
        values.keys().try_for_each(|name| check_name(name))?;
        self.put(Entry::Values { step, values: values.clone(), done: Part::Nothing });
        Ok(())
    }

    /// Records a picture, as [`Recorder::picture`], now or later.
    ///
    /// # Errors
    /// [`RunError::NotPng`].
    pub fn picture(&mut self, step: u64, tag: &str, png: &[u8]) -> Result<(), RunError> {
        check_picture(tag, png)?;
        self.put(Entry::Picture { step, tag: tag.to_owned(), png: png.to_vec() });
        Ok(())
    }

    /// Gives the file `path` this content, now or later: all of it, or what was there before. Its folder is made if only that is missing.
    pub fn file(&mut self, path: PathBuf, bytes: Vec<u8>) {
        self.put(Entry::Whole { path, bytes });
    }

    /// Tries again what waits, if it is time to.
    pub fn retry(&mut self) {
        if self.trouble.as_ref().is_some_and(Trouble::due) {
            let _ = self.flush();
        }
    }

    /// Writes everything that waits.
    ///
    /// # Errors
    /// What the disk says; it all waits on, and a warning is there to be taken if it is time for one.
    pub fn flush(&mut self) -> Result<(), RunError> {
        let written = self.drain();
        self.warnings.extend(Trouble::note(&mut self.trouble, "records", &written));
        written
    }

    /// How many records and pictures wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What is to be said about the disk since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// The open files, for whoever wants them to survive a loss of power ([`File::sync_data`]) on a thread of his own; those that cannot be
    /// had are left out.
    pub(crate) fn handles(&self) -> Vec<(PathBuf, File)> {
        self.recorder.as_ref().map(Recorder::handles).unwrap_or_default()
    }

    fn put(&mut self, entry: Entry) {
        self.waiting.push_back(entry);
        if self.trouble.as_ref().is_none_or(Trouble::due) {
            let _ = self.flush();
        }
    }

    fn drain(&mut self) -> Result<(), RunError> {
        while let Some(entry) = self.waiting.front_mut() {
            let (recorder, anew) = current(&mut self.recorder, (&self.folder, self.newest), &mut self.warnings)?;
            let written = match entry {
                Entry::Values { step, values, done } => {
                    if anew && *done == Part::Line {
                        // Opening made the table from the lines.
                        *done = Part::Row;
                    }
                    let written = recorder.write_parts(*step, values, done);
                    if *done != Part::Nothing {
                        self.newest = Some(*step);
                    }
                    written
                }
                Entry::Picture { step, tag, png } => recorder.picture(*step, tag, png),
                Entry::Whole { path, bytes } => write_whole(path, bytes),
            };
            if let Err(error) = written {
                let of_the_records = !matches!(entry, Entry::Whole { .. });
                // Where it is not for want of room, the files may be those of a disk that is gone: opening them again finds out.
                if of_the_records && !matches!(error, RunError::DiskFull { .. }) {
                    self.recorder = None;
                }
                return Err(error);
            }
            self.waiting.pop_front();
        }
        Ok(())
    }
}

/// The recorder, opened again if it failed or if its files are no longer those in the folder, and whether it was.
fn current<'a>(
    recorder: &'a mut Option<Recorder>,
    (folder, newest): (&Path, Option<u64>),
    warnings: &mut Vec<String>,
) -> Result<(&'a mut Recorder, bool), RunError> {
    match recorder.take() {
        Some(open) if open.is_in_place() => Ok((recorder.insert(open), false)),
        before => {
            let again = Recorder::open(folder, newest)?;
            if before.is_some() {
                warnings.push(format!("files of records in {} had been removed or replaced", folder.display()));
            }
            Ok((recorder.insert(again), true))
        }
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    if let Some(folder) = path.parent() {
        match std::fs::create_dir(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(RunError::io(folder)(error)),
            _ => {}
        }
    }
    write_atomically(path, bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::records::read;
    use super::*;

    fn values(step: u64) -> BTreeMap<String, f64> {
        BTreeMap::from([("loss".to_owned(), 1.0 / step as f64)])
    }

    fn record(journal: &mut Journal, steps: impl IntoIterator<Item = u64>) {
        steps.into_iter().for_each(|step| journal.write(step, &values(step)).unwrap());
    }

    fn files(folder: &Path) -> [String; 2] {
        ["metrics.jsonl", "metrics.csv"].map(|name| fs::read_to_string(folder.join(name)).unwrap())
    }

    fn undisturbed(last: u64) -> [String; 2] {
        let folder = tempfile::tempdir().unwrap();
        record(&mut Journal::open(folder.path(), None).unwrap(), 1..=last);
        files(folder.path())
    }

    #[test]
    fn what_a_vanished_folder_does_not_take_is_written_when_it_is_back() {
        let place = tempfile::tempdir().unwrap();
        let (folder, away) = (place.path().join("run"), place.path().join("away"));
        fs::create_dir(&folder).unwrap();
        let mut journal = Journal::open(&folder, None).unwrap();
        record(&mut journal, 1..=3);
        fs::rename(&folder, &away).unwrap();
        record(&mut journal, 4..=6);
        assert_eq!(journal.waiting(), 3);
        let warnings = journal.take_warnings();
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.contains("TRAINING GOES ON") && warning.contains("metrics.jsonl"), "{warning}");
        assert!(!folder.exists(), "a folder in its place would hide the real one when it comes back");
        fs::rename(&away, &folder).unwrap();
        journal.flush().unwrap();
        record(&mut journal, 7..=8);
        assert_eq!((journal.waiting(), files(&folder)), (0, undisturbed(8)));
        assert!(journal.take_warnings()[0].contains("can be written again"));
    }

    #[test]
    fn a_folder_that_was_emptied_is_filled_again_from_there_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), None).unwrap();
        record(&mut journal, 1..=3);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
        record(&mut journal, 4..=5);
        let steps: Vec<u64> = read(folder.path()).unwrap().iter().map(|record| record.step).collect();
        assert_eq!(steps, [4, 5]);
        assert!(journal.take_warnings()[0].contains("removed or replaced"));
    }

    #[test]
    fn a_file_that_cannot_be_written_holds_back_nothing_twice() {
        // The table fails when the line is written already, and the events after both: a retry must repeat neither.
        for part in ["metrics.csv", "tensorboard"] {
            let folder = tempfile::tempdir().unwrap();
            let mut journal = Journal::open(folder.path(), None).unwrap();
            record(&mut journal, 1..=2);
            let (path, aside) = (folder.path().join(part), folder.path().join("aside"));
            fs::rename(&path, &aside).unwrap();
            // What stands in the way can be neither a file to append to nor a folder to make one in.
            let in_the_way = path.join("file");
            if part == "tensorboard" {
                fs::write(&path, "").unwrap()
            } else {
                fs::create_dir_all(&in_the_way).unwrap()
            }
            record(&mut journal, 3..=4);
            assert_eq!(journal.waiting(), 2, "{part}");
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap()
            } else {
                fs::remove_file(&path).unwrap()
            }
            fs::rename(&aside, &path).unwrap();
            journal.flush().unwrap();
            assert_eq!(files(folder.path()), undisturbed(4), "{part}");
        }
    }

    #[test]
    fn pictures_wait_for_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), None).unwrap();
        let samples = folder.path().join("samples");
        fs::write(&samples, "in the way").unwrap();
        journal.file(samples.join("000000004.png"), b"picture".to_vec());
        assert_eq!(journal.waiting(), 1);
        fs::remove_file(&samples).unwrap();
        journal.flush().unwrap();
        assert_eq!(fs::read(samples.join("000000004.png")).unwrap(), b"picture");
        assert!(journal.picture(4, "samples", b"picture").is_err(), "no PNG");
    }
}
