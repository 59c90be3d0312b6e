//! How a run stands, for whoever only looks: nothing is locked, and nothing is written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::TaskError;
use crate::config::RunConfig;
use crate::model::checkpoints;
use crate::run::folder;
use crate::run::heartbeat::{Worker, workers};
use crate::run::records::{Record, Tail};

/// Silence up to this long is none, however fast the run has been.
const PATIENCE: Duration = Duration::from_secs(60);
/// So many times the usual time between two records is silence.
const OVERDUE: f64 = 10.0;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// A process trains it.
    Training,
    /// A process holds it, but has recorded nothing for much longer than usual.
    Silent,
    /// No process holds it, and steps are left.
    Stopped,
    /// All its steps are done.
    Finished,
}

impl Activity {
    /// In one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Silent => "silent",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
        }
    }
}

/// A run as its folder shows it.
#[derive(Debug, Clone)]
pub struct RunStatus {
    /// The folder.
    pub path: PathBuf,
    /// Steps of the whole run.
    pub total: u64,
    /// The newest checkpoint.
    pub checkpoint: Option<u64>,
    /// The newest picture of samples.
    pub sample: Option<PathBuf>,
    /// The process that trains it, in words.
    pub holder: Option<String>,
    /// What its workers are doing, while a process holds it.
    pub workers: Vec<Worker>,
    /// Time since the last record.
    pub silence: Option<Duration>,
    records: Tail,
    /// Images from one record to the next.
    images: f64,
    batch: f64,
}

impl RunStatus {
    /// Reads the run in `folder`.
    ///
    /// # Errors
    /// [`TaskError::Run`] if there is no run or a file cannot be read; [`TaskError::Config`] if its configuration is none.
    pub fn read(folder: &Path) -> Result<Self, TaskError> {
        let mut status = Self {
            path: folder.to_owned(),
            total: 0,
            checkpoint: None,
            sample: None,
            holder: None,
            workers: Vec::new(),
            silence: None,
            records: Tail::new(folder),
            images: 0.0,
            batch: 0.0,
        };
        status.refresh()?;
        Ok(status)
    }

    /// Looks again. Of the records only those are read that were added.
    ///
    /// # Errors
    /// As [`RunStatus::read`].
    pub fn refresh(&mut self) -> Result<(), TaskError> {
        let folder = &self.path;
        let config = RunConfig::parse(&folder::read_config(folder)?, &folder.join("config.toml"), &[])?;
        self.records.look()?;
        let changed = fs::metadata(folder.join("metrics.jsonl")).and_then(|file| file.modified()).ok();
        self.batch = config.train.batch_size as f64;
        self.images = self.batch * config.train.log_every as f64;
        self.total = config.train.iterations;
        self.checkpoint = checkpoints(folder, &config).steps()?.last().copied();
        self.sample = newest_picture(&folder.join("samples"));
        self.holder = folder::holder(folder);
        // A process that was killed has left its last beat.
        self.workers = if self.holder.is_some() { workers(folder) } else { Vec::new() };
        // A clock that was set back is no silence.
        self.silence = changed.map(|then| SystemTime::now().duration_since(then).unwrap_or_default());
        Ok(())
    }

    /// What was recorded, in order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        self.records.records()
    }

    /// Steps that were recorded.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.records().last().map_or(0, |record| record.step)
    }

    /// The newest value of this name.
    #[must_use]
    pub fn newest(&self, name: &str) -> Option<f64> {
        self.records().iter().rev().find_map(|record| record.values.get(name).copied().flatten())
    }

    /// Images per second between the last two records.
    #[must_use]
    pub fn images_per_second(&self) -> Option<f64> {
        self.newest("time/images_per_second")
    }

    /// Seconds that the steps left will take at this speed.
    #[must_use]
    pub fn seconds_left(&self) -> Option<f64> {
        let left = self.total.saturating_sub(self.step()) as f64 * self.batch;
        self.images_per_second().filter(|speed| *speed > 0.0).map(|speed| left / speed)
    }

    /// What it is doing.
    #[must_use]
    pub fn activity(&self) -> Activity {
        match (self.step() >= self.total, &self.holder) {
            (_, Some(_)) if self.silence.is_some_and(|silence| silence > self.patience()) => Activity::Silent,
            (false, Some(_)) => Activity::Training,
            (true, _) => Activity::Finished,
            (false, None) => Activity::Stopped,
        }
    }

    /// Values of this name by step; those that were not finite are left out.
    #[must_use]
    pub fn series(&self, name: &str) -> Vec<(f64, f64)> {
        let point = |record: &Record| Some((record.step as f64, (*record.values.get(name)?)?));
        self.records().iter().filter_map(point).collect()
    }

    /// Names of all values, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.records().iter().flat_map(|record| record.values.keys()).collect();
        names.into_iter().cloned().collect()
    }

    fn patience(&self) -> Duration {
        let usual = self.images_per_second().filter(|speed| *speed > 0.0).map_or(0.0, |speed| self.images / speed);
        PATIENCE.max(Duration::try_from_secs_f64(OVERDUE * usual).unwrap_or(PATIENCE))
    }
}

/// Pictures are named after their steps, with leading zeros.
fn newest_picture(folder: &Path) -> Option<PathBuf> {
    let paths = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|end| end == "png")).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Recorder, RunFolder};

    const CONFIG: &str = include_str!("../../../tools/configs/quickstart.toml");

    fn record(folder: &Path, steps: &[u64]) {
        let mut recorder = Recorder::open(folder, Some(0)).unwrap();
        for step in steps {
            let values = [("train/loss", 1.0 / *step as f64), ("time/images_per_second", 128.0)];
            recorder.write(*step, &values.map(|(name, value)| (name.to_owned(), value)).into()).unwrap();
        }
    }

    #[test]
    fn a_run_is_read_while_it_is_held_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let held = RunFolder::create(folder.path(), CONFIG).unwrap();
        assert_eq!(RunStatus::read(folder.path()).unwrap().activity(), Activity::Training);
        record(folder.path(), &[10, 20]);
        fs::write(held.samples().unwrap().join("000000020.png"), b"").unwrap();
        let status = RunStatus::read(folder.path()).unwrap();
        assert_eq!((status.step(), status.newest("train/loss")), (20, Some(0.05)));
        assert_eq!(status.series("train/loss"), [(10.0, 0.1), (20.0, 0.05)]);
        assert!(status.holder.unwrap().contains(&std::process::id().to_string()));
        assert_eq!(status.sample.unwrap().file_name().unwrap(), "000000020.png");
        drop(held);
        assert_eq!(RunStatus::read(folder.path()).unwrap().activity(), Activity::Stopped);
    }

    #[test]
    fn silence_is_measured_by_the_speed_of_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let held = RunFolder::create(folder.path(), CONFIG).unwrap();
        record(folder.path(), &[10]);
        let mut status = RunStatus::read(folder.path()).unwrap();
        status.silence = Some(PATIENCE / 2);
        assert_eq!(status.activity(), Activity::Training);
        status.silence = Some(PATIENCE * 2);
        assert_eq!(status.activity(), Activity::Silent);
        // A record takes 100 seconds: two minutes are no silence.
        status.images = 12_800.0;
        assert_eq!(status.activity(), Activity::Training);
        drop(held);
    }

    #[test]
    fn what_is_no_run_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let message = RunStatus::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains(&folder.path().display().to_string()), "{message}");
    }
}
