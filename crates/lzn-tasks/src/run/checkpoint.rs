//! Checkpoints that are whole or not there: written aside, synced, renamed, and checked when they are read.
//!
//! A checkpoint is a folder `checkpoints/STEP` (nine digits or more) with the caller's files and a `manifest.json` that holds their
//! sizes and checksums, the step and the digest of the configuration. Folders whose name starts with `.` are unfinished
//! or on their way out; they are never read, and the next save removes them.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use super::error::RunError;
use super::folder::sync_folder;
use super::manifest::{MANIFEST, Manifest};

/// Writes one file of a checkpoint to the path that it is given, on whatever thread.
pub type FileWriter<'a> = dyn Fn(&Path) -> Result<(), Box<dyn Error + Send + Sync>> + Send + 'a;

/// One file of a checkpoint: its name, and what writes it.
pub struct CheckpointFile<'a> {
    name: &'a str,
    write: Box<FileWriter<'a>>,
}

impl<'a> CheckpointFile<'a> {
    /// A file `name` that `write` writes to the path that it is given.
    pub fn new<E>(name: &'a str, write: impl Fn(&Path) -> Result<(), E> + Send + 'a) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self { name, write: Box::new(move |path| write(path).map_err(Into::into)) }
    }
}

/// A checkpoint that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Training steps that were finished when it was saved.
    pub step: u64,
    /// Its folder.
    pub path: PathBuf,
    /// One sentence for each newer checkpoint that was passed over because it is damaged.
    pub warnings: Vec<String>,
}

/// The checkpoints of one run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    root: PathBuf,
    config: String,
    keep: NonZeroUsize,
    keep_every: Option<NonZeroU64>,
}

impl Checkpoints {
    /// The checkpoints in the folder `root`, of the configuration with the digest `config`; saving keeps the last `keep`.
    /// Nothing is read or made yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, config: impl Into<String>, keep: NonZeroUsize) -> Self {
        Self { root: root.into(), config: config.into(), keep, keep_every: None }
    }

    /// Saving also keeps all checkpoints whose step is a multiple of `steps`, for good.
    #[must_use]
    pub fn keeping_every(self, steps: Option<NonZeroU64>) -> Self {
        Self { keep_every: steps, ..self }
    }

    /// The folder that they are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.root
    }

    /// Saves a checkpoint after `step` finished steps and returns its folder. Older ones beyond the number to keep are
    /// removed once the new one is safely on the disk.
    ///
    /// A whole checkpoint of the same step and configuration stays as it is: training repeats itself exactly, so
    /// the new one could only hold the same.
    ///
    /// # Errors
    /// [`RunError::DiskFull`], [`RunError::Save`] (a writer failed), [`RunError::Name`] or [`RunError::Io`]. The earlier
    /// checkpoints are then all in place and the unfinished one is removed. The folder above that of the checkpoints must exist.
    pub fn save(&self, step: u64, files: &[CheckpointFile<'_>]) -> Result<PathBuf, RunError> {
        check_names(files)?;
        // Not the folders above it: where the run's own folder is gone, its disk may be, and come back.
        match fs::create_dir(&self.root) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(RunError::io(&self.root)(error)),
            _ => {}
        }
        self.clean()?;
        let target = self.root.join(folder_name(step));
        if self.check(step, &target).is_ok_and(|manifest| manifest.config == self.config) {
            return Ok(target);
        }
        let unfinished = self.root.join(format!(".saving-{}", folder_name(step)));
        let written = self.write(step, &unfinished, files).and_then(|()| {
            if target.exists() {
                // Damaged or of another configuration, or it would have been kept above.
                self.discard(&target)?;
            }
            fs::rename(&unfinished, &target).map_err(RunError::io(&target))?;
            sync_folder(&self.root).map_err(RunError::io(&self.root))
        });
        if let Err(error) = written {
            // Best effort: the error that matters is the one that stopped the saving.
            let _ = fs::remove_dir_all(&unfinished);
            return Err(error);
        }
        self.prune(step)?;
        Ok(target)
    }

    /// Finds the newest checkpoint that is whole; `None` if none was ever saved.
    ///
    /// # Errors
    /// [`RunError::OtherConfig`] if that checkpoint belongs to another configuration, [`RunError::NoneUsable`] if
    /// there are checkpoints and all are damaged, [`RunError::Io`] if the folder cannot be read.
    pub fn latest_valid(&self) -> Result<Option<Found>, RunError> {
        let mut problems = Vec::new();
        for (step, path) in self.list()?.into_iter().rev() {
            match self.check(step, &path) {
                Ok(manifest) if manifest.config == self.config => {
                    let note = |problem| format!("{problem}; falling back to the checkpoint of step {step}");
                    return Ok(Some(Found { step, path, warnings: problems.into_iter().map(note).collect() }));
                }
                Ok(manifest) => {
                    return Err(RunError::OtherConfig { path, theirs: manifest.config, ours: self.config.clone() });
                }
                Err(problem) => problems.push(format!("checkpoint {}: {problem}", path.display())),
            }
        }
        if problems.is_empty() { Ok(None) } else { Err(RunError::NoneUsable { path: self.root.clone(), problems }) }
    }

    /// Steps of all checkpoints, whole or damaged, the oldest first.
    ///
    /// # Errors
    /// [`RunError::Io`] if the folder cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>, RunError> {
        Ok(self.list()?.into_iter().map(|(step, _)| step).collect())
    }

    /// Writes, describes and syncs all files in the new folder `unfinished`.
    fn write(&self, step: u64, unfinished: &Path, files: &[CheckpointFile<'_>]) -> Result<(), RunError> {
        fs::create_dir(unfinished).map_err(RunError::io(unfinished))?;
        for file in files {
            let path = unfinished.join(file.name);
            (file.write)(&path).map_err(|source| RunError::save(&path, source))?;
            // Delayed allocation can report a full disk as late as here.
            File::open(&path).and_then(|file| file.sync_all()).map_err(RunError::io(&path))?;
        }
        let manifest = Manifest::describe(unfinished, step, &self.config, files.iter().map(|file| file.name))
            .map_err(RunError::io(unfinished))?;
        let path = unfinished.join(MANIFEST);
        let store = || {
            fs::write(&path, manifest.to_json())?;
            File::open(&path)?.sync_all()?;
            sync_folder(unfinished)
        };
        store().map_err(RunError::io(&path))
    }

    /// Checks that the checkpoint at `path` is whole; the error says in one sentence what is wrong with it.
    fn check(&self, step: u64, path: &Path) -> Result<Manifest, String> {
        let manifest = Manifest::read(path)?;
        if manifest.step != step {
            return Err(format!("its manifest is of step {}", manifest.step));
        }
        manifest.check_files(path)?;
        Ok(manifest)
    }

    /// All checkpoints in order of their steps.
    fn list(&self) -> Result<Vec<(u64, PathBuf)>, RunError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(RunError::io(&self.root)(error)),
        };
        let mut list = Vec::new();
        for entry in entries {
            let name = entry.map_err(RunError::io(&self.root))?.file_name();
            let step = name.to_str().and_then(|name| name.parse().ok().filter(|&step| folder_name(step) == name));
            list.extend(step.map(|step| (step, self.root.join(name))));
        }
        list.sort_unstable();
        Ok(list)
    }

    /// Removes checkpoints of steps up to `step` beyond the number to keep, but for those that are kept for good. Later ones are not counted: a run
    /// that stands at `step` did not go on from them, so they are damaged.
    fn prune(&self, step: u64) -> Result<(), RunError> {
        let older = self.list()?.into_iter().rev().filter(|&(there, _)| there <= step);
        let for_good = |step: u64| self.keep_every.is_some_and(|every| step.is_multiple_of(every.get()));
        for (_, path) in older.skip(self.keep.get()).filter(|(there, _)| !for_good(*there)) {
            self.discard(&path)?;
        }
        Ok(())
    }

    /// Removes a checkpoint; first its name, so that no half of it can be taken for a checkpoint.
    fn discard(&self, path: &Path) -> Result<(), RunError> {
        let mut name = std::ffi::OsString::from(".removing-");
        name.push(path.file_name().unwrap_or_default());
        let aside = self.root.join(name);
        fs::rename(path, &aside).and_then(|()| remove(&aside)).map_err(RunError::io(path))
    }

    /// Removes what interrupted saves and removals left behind.
    fn clean(&self) -> Result<(), RunError> {
        for entry in fs::read_dir(&self.root).map_err(RunError::io(&self.root))? {
            let path = entry.map_err(RunError::io(&self.root))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(".saving-") || name.starts_with(".removing-") {
                remove(&path).map_err(RunError::io(&path))?;
            }
        }
        Ok(())
    }
}

/// Removes a folder with everything in it, or a file that stands where a folder should.
fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn folder_name(step: u64) -> String {
    format!("{step:09}")
}

fn check_names(files: &[CheckpointFile<'_>]) -> Result<(), RunError> {
    for (index, file) in files.iter().enumerate() {
        let reason = if file.name == MANIFEST || file.name.is_empty() || file.name.starts_with('.') {
            "the name is reserved"
        } else if file.name.contains(['/', '\\']) {
            "it must not name a folder"
        } else if files[..index].iter().any(|other| other.name == file.name) {
            "it occurs twice"
        } else {
            continue;
        };
        return Err(RunError::Name { what: "file of a checkpoint", name: file.name.to_owned(), reason });
    }
    Ok(())
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
