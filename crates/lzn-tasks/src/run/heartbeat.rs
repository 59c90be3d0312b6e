//! A small file that says every second what the process of a run is doing: what a stalled run can no longer say itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::folder::host;

/// Beats in seconds apart beyond which a worker is late.
const LATE: f64 = 10.0;
/// Time between two beats.
const BEAT: Duration = Duration::from_secs(1);
const PREFIX: &str = ".worker-";
/// More workers than any run has; a damaged beat may say anything.
const MOST: u64 = 1 << 16;

/// What a worker of a run is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// Number of the worker.
    pub worker: u64,
    /// How many workers there are.
    #[serde(default = "alone")]
    pub workers: u64,
    /// Its process.
    pub process: u32,
    /// Its machine.
    pub host: String,
    /// When this was written, in seconds since 1970.
    pub at: f64,
    /// Finished steps.
    pub step: u64,
    /// What it is doing: `data`, `device`, `network`, `disk` or `evaluation`.
    pub stage: String,
    /// For how many seconds.
    pub stage_seconds: f64,
    /// Share of the time that each stage has taken of late, in [0, 1]; those that took none are left out.
    pub shares: Vec<(String, f64)>,
}

/// Beats of former versions are of runs of one process.
fn alone() -> u64 {
    1
}

impl Beat {
    /// A beat of this process, now, which is worker `worker` of `workers`.
    #[must_use]
    pub fn now(
        (worker, workers): (u64, u64),
        step: u64,
        (stage, stage_seconds): (&str, f64),
        shares: Vec<(String, f64)>,
    ) -> Self {
        Self {
            worker,
            workers,
            process: std::process::id(),
            host: host(),
            at: now(),
            step,
            stage: stage.to_owned(),
            stage_seconds,
            shares,
        }
    }

    /// Seconds since it was written; 0 if clocks disagree.
    #[must_use]
    pub fn age(&self) -> f64 {
        (now() - self.at).max(0.0)
    }

    /// Whether it is so old that the worker's process, or its machine, stands still.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.age() > LATE
    }

    /// The stage that has taken the largest share of late.
    #[must_use]
    pub fn slowest(&self) -> Option<(&str, f64)> {
        let largest = self.shares.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        largest.map(|(stage, share)| (stage.as_str(), *share))
    }
}

/// A worker of a run, as its folder shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// Its number.
    pub number: u64,
    /// What it said last; none of one that does not have the folder, which is not known.
    pub beat: Option<Beat>,
}

/// Writes beats from a thread of its own until it is dropped, and then removes the file.
#[derive(Debug)]
pub struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    path: Option<PathBuf>,
}

impl Heartbeat {
    /// Asks `look` for a beat every second and keeps the newest in `folder`, if there is one and it exists. Nobody is told of a disk that
    /// refuses: records do that. None where the system gives no thread.
    pub fn start(folder: Option<&Path>, worker: u64, mut look: impl FnMut() -> Beat + Send + 'static) -> Option<Self> {
        let path = folder.map(|folder| folder.join(format!("{PREFIX}{worker}.json")));
        let (end, ended) = channel();
        let file = path.clone();
        let beat = move || {
            loop {
                let beat = look();
                file.iter().for_each(|file| write(file, &beat));
                if !matches!(ended.recv_timeout(BEAT), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("heartbeat".to_owned()).spawn(beat).ok()?;
        Some(Self { end: Some(end), thread: Some(thread), path })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// The newest beats of the workers of the run in `folder`, by number. A process that was killed leaves its last one.
#[must_use]
pub fn beats(folder: &Path) -> Vec<Beat> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_beat = |name: &str| name.starts_with(PREFIX) && name.ends_with(".json");
    let beat = |entry: fs::DirEntry| {
        let whole = entry.file_name().to_str().is_some_and(is_beat);
        serde_json::from_slice(&fs::read(entry.path()).ok().filter(|_| whole)?).ok()
    };
    let mut all: Vec<Beat> = entries.filter_map(beat).collect();
    all.sort_by_key(|beat| beat.worker);
    all
}

/// All workers of the run in `folder`, as many as those that have said something say that there are.
#[must_use]
pub fn workers(folder: &Path) -> Vec<Worker> {
    let mut beats = beats(folder);
    let count = beats.iter().map(|beat| beat.workers.max(beat.worker + 1)).max().unwrap_or(0);
    let mut of = |number| {
        let place = beats.iter().position(|beat| beat.worker == number)?;
        Some(beats.swap_remove(place))
    };
    (0..count.min(MOST)).map(|number| Worker { number, beat: of(number) }).collect()
}

/// Removes what workers of the run in `folder` have left that were killed. Nobody else may hold the run.
pub fn clear(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let _ = fs::remove_file(entry.path());
    }
}

/// Replaces the file. It need not survive a loss of power, so it is not synced.
fn write(path: &Path, beat: &Beat) {
    let unfinished = path.with_extension("unfinished");
    let text = serde_json::to_vec(beat).unwrap_or_default();
    let _ = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn beats_are_read_while_there_is_a_heart_and_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let shares = vec![("data".to_owned(), 0.75), ("device".to_owned(), 0.25)];
        let of = |worker| {
            let shares = shares.clone();
            move || Beat::now((worker, 2), 7, ("data", 61.5), shares.clone())
        };
        let hearts: Vec<_> =
            [1, 0].map(|worker| Heartbeat::start(Some(folder.path()), worker, of(worker)).unwrap()).into();
        let begin = Instant::now();
        while beats(folder.path()).len() < 2 && begin.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(5));
        }
        let found = beats(folder.path());
        assert_eq!(found.iter().map(|beat| beat.worker).collect::<Vec<_>>(), [0, 1]);
        assert_eq!((found[0].step, found[0].stage.as_str(), found[0].process), (7, "data", std::process::id()));
        assert_eq!(found[0].slowest(), Some(("data", 0.75)));
        drop(hearts);
        assert!(beats(folder.path()).is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn workers_that_say_nothing_are_unknown_and_what_killed_ones_left_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        for worker in [0, 2] {
            let beat = Beat::now((worker, 4), 7, ("data", 1.0), Vec::new());
            write(&folder.path().join(format!("{PREFIX}{worker}.json")), &beat);
        }
        let found = workers(folder.path());
        assert_eq!(found.iter().map(|worker| worker.number).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(found.iter().map(|worker| worker.beat.is_some()).collect::<Vec<_>>(), [true, false, true, false]);
        fs::write(folder.path().join(".worker-3.unfinished"), "{").unwrap();
        clear(folder.path());
        assert!(workers(folder.path()).is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_beat_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".worker-0.json"), "{").unwrap();
        fs::write(folder.path().join("metrics.jsonl"), "{}").unwrap();
        assert!(beats(folder.path()).is_empty() && beats(&folder.path().join("absent")).is_empty());
    }
}
