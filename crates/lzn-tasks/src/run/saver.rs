//! Checkpoints written in the background, so that training does not wait for the disk.

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::checkpoint::{CheckpointFile, Checkpoints};
use super::error::RunError;
use super::trouble::Trouble;

/// How long a checkpoint that is due waits for the one before it. A disk that is as slow as this is not to hold up training.
const PATIENCE: Duration = Duration::from_secs(10);

/// A checkpoint to be written: everything that it needs is its own.
pub struct Job {
    /// Training steps that were finished.
    pub step: u64,
    /// Its files.
    pub files: Vec<CheckpointFile<'static>>,
    /// Open files, such as those of the records, that are to be on the disk before the checkpoint is.
    pub first: Vec<(PathBuf, File)>,
}

/// Writes checkpoints on a thread of its own, one at a time.
///
/// A checkpoint that could not be written is tried again, until it is or a newer one takes its place.
#[derive(Debug)]
pub struct Saver {
    checkpoints: Checkpoints,
    flying: Option<Receiver<Landed>>,
    failed: Option<Job>,
    trouble: Option<Trouble>,
    warnings: Vec<String>,
}

/// What came of a job.
struct Landed {
    job: Job,
    result: Result<(), RunError>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("step", &self.step).finish_non_exhaustive()
    }
}

impl Saver {
    /// Saves to these checkpoints.
    #[must_use]
    pub fn new(checkpoints: Checkpoints) -> Self {
        Self { checkpoints, flying: None, failed: None, trouble: None, warnings: Vec::new() }
    }

    /// The checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Whether a checkpoint can be begun: none is being written, or the last one ends soon. If not, there is a warning to be taken.
    pub fn ready(&mut self, step: u64) -> bool {
        let end = Instant::now() + PATIENCE;
        let _ = self.land(Some(end));
        if self.flying.is_some() {
            let seconds = PATIENCE.as_secs();
            self.warnings.push(format!(
                "the checkpoint before that of step {step} is still being written after {seconds} s more: step {step} is left out"
            ));
        }
        self.flying.is_none()
    }

    /// Begins to write a checkpoint, once [`ready`](Self::ready). One that failed before is given up for it.
    pub fn begin(&mut self, job: Job) {
        self.failed = None;
        let (sender, receiver) = channel();
        let checkpoints = self.checkpoints.clone();
        let (hand_over, take) = channel::<Job>();
        let thread = thread::Builder::new().name("checkpoint".to_owned()).spawn(move || {
            if let Ok(job) = take.recv() {
                let result = write(&checkpoints, &job);
                // Nobody waits any more when the process ends.
                let _ = sender.send(Landed { job, result });
            }
        });
        match thread {
            Ok(_) => {
                // The thread waits for it.
                let _ = hand_over.send(job);
                self.flying = Some(receiver);
            }
            Err(source) => {
                let path = self.checkpoints.folder().to_owned();
                let _ = self.landed(Landed { job, result: Err(RunError::Io { path, source }) });
            }
        }
    }

    /// Looks after what was begun: takes note of what came of it, and tries again what failed, if it is time to.
    pub fn tend(&mut self) {
        let _ = self.land(Some(Instant::now()));
        if self.trouble.as_ref().is_some_and(Trouble::due) && self.flying.is_none() {
            self.again();
        }
    }

    /// Waits until everything that was begun is written, trying once more what failed before.
    ///
    /// # Errors
    /// As [`Checkpoints::save`], of the newest checkpoint; it can be tried again.
    pub fn finish(&mut self) -> Result<(), RunError> {
        self.land(None)?;
        self.again();
        self.land(None)
    }

    /// What is to be said about the disk since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn again(&mut self) {
        if let Some(job) = self.failed.take() {
            self.begin(job);
        }
    }

    /// Takes what has landed until `end`, or waits for it.
    fn land(&mut self, end: Option<Instant>) -> Result<(), RunError> {
        let Some(receiver) = &self.flying else { return Ok(()) };
        let landed = match end {
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(end) => receiver.recv_timeout(end.saturating_duration_since(Instant::now())),
        };
        match landed {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                // The thread panicked, which its own message has said; there is nothing left to try again.
                self.flying = None;
                let path = self.checkpoints.folder().to_owned();
                let source = "the thread that writes it has failed".into();
                Err(RunError::Save { path, source })
            }
            Ok(landed) => {
                self.flying = None;
                self.landed(landed)
            }
        }
    }

    fn landed(&mut self, Landed { job, result }: Landed) -> Result<(), RunError> {
        self.warnings.extend(Trouble::note(&mut self.trouble, "checkpoints", &result));
        if result.is_err() {
            self.failed = Some(job);
        }
        result
    }
}

fn write(checkpoints: &Checkpoints, job: &Job) -> Result<(), RunError> {
    // A record that does not reach the disk is no reason to lose a checkpoint as well.
    let sync = |(path, file): &(PathBuf, File)| file.sync_data().map_err(RunError::io(path));
    let synced: Result<Vec<()>, RunError> = job.first.iter().map(sync).collect();
    checkpoints.save(job.step, &job.files)?;
    synced.map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::num::NonZeroUsize;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn saver(folder: &std::path::Path) -> Saver {
        Saver::new(Checkpoints::new(folder.join("checkpoints"), "c", NonZeroUsize::new(3).unwrap()))
    }

    fn job(step: u64) -> Job {
        let file = CheckpointFile::new("state", move |path| fs::write(path, step.to_string()));
        Job { step, files: vec![file], first: Vec::new() }
    }

    fn steps(saver: &Saver) -> Vec<u64> {
        saver.checkpoints().steps().unwrap()
    }

    #[test]
    fn whoever_begins_does_not_wait_and_the_next_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let mut saver = saver(folder.path());
        let gate = Arc::new(Mutex::new(()));
        let shut = gate.lock().unwrap();
        let inside = gate.clone();
        let slow = CheckpointFile::new("state", move |path| {
            let _open = inside.lock();
            fs::write(path, "slow")
        });
        saver.begin(Job { step: 1, files: vec![slow], first: Vec::new() });
        saver.tend();
        assert_eq!(steps(&saver), [0; 0], "it waits behind the gate, and we do not");
        drop(shut);
        assert!(saver.ready(2));
        assert_eq!(steps(&saver), [1]);
        saver.begin(job(2));
        saver.finish().unwrap();
        assert_eq!(steps(&saver), [1, 2]);
        assert!(saver.take_warnings().is_empty());
    }

    #[test]
    fn what_failed_is_tried_again_with_the_state_of_its_own_step() {
        let folder = tempfile::tempdir().unwrap();
        let mut saver = saver(folder.path());
        let in_the_way = folder.path().join("checkpoints");
        fs::write(&in_the_way, "no folder").unwrap();
        saver.begin(job(4));
        let error = saver.finish().unwrap_err();
        assert!(error.to_string().contains("checkpoints") && error.is_of_the_disk(), "{error}");
        let warnings = saver.take_warnings();
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.contains("TRAINING GOES ON"), "{warning}");
        fs::remove_file(&in_the_way).unwrap();
        saver.finish().unwrap();
        assert_eq!(fs::read_to_string(in_the_way.join("000000004/state")).unwrap(), "4");
        assert!(saver.take_warnings()[0].contains("can be written again"));
    }

    #[test]
    fn a_newer_checkpoint_takes_the_place_of_one_that_failed() {
        let folder = tempfile::tempdir().unwrap();
        let mut saver = saver(folder.path());
        let in_the_way = folder.path().join("checkpoints");
        fs::write(&in_the_way, "no folder").unwrap();
        saver.begin(job(4));
        assert!(saver.ready(5));
        fs::remove_file(&in_the_way).unwrap();
        saver.begin(job(5));
        saver.finish().unwrap();
        assert_eq!(steps(&saver), [5]);
    }
}
