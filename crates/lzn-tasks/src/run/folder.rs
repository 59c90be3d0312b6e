//! The run folder itself: who owns it and what it was configured with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::RunError;

const CONFIG: &str = "config.toml";
const LOCK: &str = ".lock";

/// Short name of a configuration: the CRC-32 of its text as eight hexadecimal digits.
///
/// It tells configurations apart that differ by accident; it is no protection against somebody who wants two to agree.
#[must_use]
pub fn digest(config_toml: &str) -> String {
    format!("{:08x}", crc32fast::hash(config_toml.as_bytes()))
}

/// A run folder that this process, and no other, may write to.
///
/// The lock belongs to the open file, so it ends with the process, however that ends: a `.lock` file left behind
/// stops nobody.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    config: String,
    // Dropping the handle gives the lock back.
    lock: File,
}

impl RunFolder {
    /// Makes the folder `path` with `config_toml` as its resolved configuration, or takes over the run of the very same
    /// configuration that is there already.
    ///
    /// # Errors
    /// [`RunError::Unwritable`], [`RunError::Occupied`] (files, but no run), [`RunError::OtherRun`] (a run with
    /// another configuration), [`RunError::InUse`].
    pub fn create(path: impl AsRef<Path>, config_toml: &str) -> Result<Self, RunError> {
        let path = path.as_ref();
        fs::create_dir_all(path).map_err(|source| RunError::Unwritable { path: path.to_owned(), source })?;
        let config_path = path.join(CONFIG);
        if !config_path.exists() && holds_foreign_files(path)? {
            return Err(RunError::Occupied { path: path.to_owned() });
        }
        let lock = lock(path)?;
        match fs::read_to_string(&config_path) {
            Ok(there) if there == config_toml => {}
            Ok(there) => {
                let (theirs, ours) = (digest(&there), digest(config_toml));
                let differences = differences(&there, config_toml);
                return Err(RunError::OtherRun { path: path.to_owned(), theirs, ours, differences });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_atomically(&config_path, config_toml.as_bytes())?;
            }
            Err(error) => return Err(RunError::io(&config_path)(error)),
        }
        Ok(Self { path: path.to_owned(), config: config_toml.to_owned(), lock })
    }

    /// Takes over the run in the folder `path`.
    ///
    /// # Errors
    /// [`RunError::NotARun`] without a configuration in it, [`RunError::InUse`], [`RunError::Unwritable`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RunError> {
        let path = path.as_ref();
        read_config(path)?;
        let lock = lock(path)?;
        // Read again: the process that held the lock until now may have changed it.
        let config = read_config(path)?;
        Ok(Self { path: path.to_owned(), config, lock })
    }

    /// Replaces the resolved configuration, for a run that goes on with changed settings.
    ///
    /// # Errors
    /// [`RunError::DiskFull`] or [`RunError::Io`]; the old configuration is then still in place.
    pub fn replace_config(&mut self, config_toml: &str) -> Result<(), RunError> {
        write_atomically(&self.path.join(CONFIG), config_toml.as_bytes())?;
        config_toml.clone_into(&mut self.config);
        Ok(())
    }

    /// Puts the configuration and the lock back where the folder was emptied, or replaced by an empty one, and returns whether it did.
    /// A folder that is gone stays gone: it may be on a disk that comes back, and another in its place would hide it.
    ///
    /// # Errors
    /// [`RunError::InUse`] if another process has taken the folder meanwhile; [`RunError::Unwritable`], [`RunError::DiskFull`] or
    /// [`RunError::Io`].
    pub fn restore(&mut self) -> Result<bool, RunError> {
        let config = self.path.join(CONFIG);
        if config.exists() || !self.path.is_dir() {
            return Ok(false);
        }
        if !super::records::same_file(&self.path.join(LOCK), &self.lock) {
            self.lock = lock(&self.path)?;
        }
        write_atomically(&config, self.config.as_bytes())?;
        Ok(true)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Text of the resolved configuration.
    #[must_use]
    pub fn config(&self) -> &str {
        &self.config
    }

    /// Where the checkpoints are.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        checkpoints(&self.path)
    }

    /// Where pictures and arrays of samples go; made when it is not there.
    ///
    /// # Errors
    /// [`RunError::Io`] when it cannot be made.
    pub fn samples(&self) -> Result<PathBuf, RunError> {
        let path = self.path.join("samples");
        fs::create_dir_all(&path).map_err(RunError::io(&path))?;
        Ok(path)
    }
}

/// What differs between two configurations, one clause for each key; nothing if one of them is not readable.
#[must_use]
pub fn differences(theirs: &str, ours: &str) -> Vec<String> {
    let values = |text: &str| {
        let mut values = BTreeMap::new();
        flatten(String::new(), &toml::Value::Table(toml::from_str(text).ok()?), &mut values);
        Some(values)
    };
    let (Some(theirs), Some(ours)) = (values(theirs), values(ours)) else { return Vec::new() };
    let shown = |value: Option<&String>| value.map_or("absent", String::as_str).to_owned();
    let keys: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let differ = keys.into_iter().filter(|key| theirs.get(*key) != ours.get(*key));
    differ.map(|key| format!("`{key}` is {} there and {} here", shown(theirs.get(key)), shown(ours.get(key)))).collect()
}

/// Dotted keys of all values that are no tables; entries of lists are numbered where they are tables.
fn flatten(key: String, value: &toml::Value, values: &mut BTreeMap<String, String>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(name, value)| flatten(below(name), value, values)),
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            list.iter().enumerate().for_each(|(i, value)| flatten(below(&i.to_string()), value, values));
        }
        _ => drop(values.insert(key, value.to_string())),
    }
}

/// Reads the resolved configuration of the run in `folder`, without claiming the folder: for programs that only read.
///
/// # Errors
/// [`RunError::NotARun`] or [`RunError::Io`].
pub fn read_config(folder: &Path) -> Result<String, RunError> {
    let path = folder.join(CONFIG);
    fs::read_to_string(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => RunError::NotARun { path: folder.to_owned() },
        _ => RunError::Io { path, source },
    })
}

/// The process that holds the run in `folder`, as it signed, or nothing if none does.
#[must_use]
pub fn holder(folder: &Path) -> Option<String> {
    let mut file = File::open(folder.join(LOCK)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(signature(&mut file)),
        _ => None,
    }
}

/// Where the checkpoints of the run in `folder` are.
#[must_use]
pub fn checkpoints(folder: &Path) -> PathBuf {
    folder.join("checkpoints")
}

/// Writes a file so that it has either its old content or all of the new, even if the machine stops in between.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<(), RunError> {
    lzn_files::replace(path, RunError::io(path), |file| file.write_all(content).map_err(RunError::io(path)))
}

/// Makes names that were added to or taken from a folder last.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows cannot open folders as files, and its renames are kept without this.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Whether `folder` holds anything that an interrupted [`RunFolder::create`] cannot have left there.
fn holds_foreign_files(folder: &Path) -> Result<bool, RunError> {
    for entry in fs::read_dir(folder).map_err(RunError::io(folder))? {
        let name = entry.map_err(RunError::io(folder))?.file_name();
        if name != LOCK && !name.to_string_lossy().starts_with(lzn_files::UNFINISHED) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Locks `folder` for this process and writes down who holds it.
fn lock(folder: &Path) -> Result<File, RunError> {
    let unwritable = |source| RunError::Unwritable { path: folder.to_owned(), source };
    let path = folder.join(LOCK);
    // Not truncated on opening: until the lock is ours, the content is the holder's.
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(unwritable)?;
    match try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(RunError::InUse { path: folder.to_owned(), holder: signature(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(RunError::Io { path, source }),
    }
    sign(&mut file).map_err(RunError::io(&path))?;
    Ok(file)
}

/// Tries a few times: [`holder`] holds the lock of a folder for a moment, and must not stop a run from starting.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..5 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            done => return done,
        }
    }
    file.try_lock()
}

/// Who holds a lock file. A holder that cannot be read is still a holder.
fn signature(file: &mut File) -> String {
    let mut holder = String::new();
    let _ = file.read_to_string(&mut holder);
    if holder.is_empty() { "another process".to_owned() } else { holder.trim().to_owned() }
}

/// Writes down in a lock file who holds it.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {} on host {}", std::process::id(), host())
}

/// Name of this machine, as far as it can be found without a library of its own.
pub(crate) fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| fs::read_to_string("/etc/hostname"))
        .or_else(|_| std::env::var("HOSTNAME"))
        .or_else(|_| std::env::var("COMPUTERNAME"))
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const TEXT: &str = "[train]\nsteps = 3\n";

    #[test]
    fn the_configuration_is_written_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs/first");
        drop(RunFolder::create(&path, TEXT).unwrap());
        assert_eq!(fs::read_to_string(path.join("config.toml")).unwrap(), TEXT);
        assert_eq!(RunFolder::open(&path).unwrap().config(), TEXT);
        let mut names = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(names.all(|name| name == LOCK || name == CONFIG));
    }

    #[test]
    fn the_same_configuration_goes_on_and_another_is_refused_with_both_digests() {
        let folder = tempfile::tempdir().unwrap();
        drop(RunFolder::create(folder.path(), TEXT).unwrap());
        drop(RunFolder::create(folder.path(), TEXT).unwrap());
        let message = RunFolder::create(folder.path(), "steps = 4").unwrap_err().to_string();
        assert!(message.contains(&digest(TEXT)) && message.contains(&digest("steps = 4")), "{message}");
        assert!(message.contains("lzn resume"), "{message}");
        assert_eq!(read_config(folder.path()).unwrap(), TEXT, "the run that was there is untouched");
    }

    #[test]
    fn configurations_that_differ_are_told_apart_by_their_keys() {
        let theirs = "seed = 1\n[model]\ndim = 8\n[[objective]]\nkind = \"a\"\n";
        let ours = "seed = 1\n[model]\ndim = 9\n[[objective]]\nkind = \"b\"\nweight = 2.0\n";
        let clauses = differences(theirs, ours);
        assert_eq!(
            clauses,
            [
                "`model.dim` is 8 there and 9 here",
                "`objective.0.kind` is \"a\" there and \"b\" here",
                "`objective.0.weight` is absent there and 2.0 here"
            ]
        );
        assert!(differences(theirs, theirs).is_empty() && differences("[", ours).is_empty());
        let folder = tempfile::tempdir().unwrap();
        drop(RunFolder::create(folder.path(), theirs).unwrap());
        let message = RunFolder::create(folder.path(), ours).unwrap_err().to_string();
        assert!(message.contains("`model.dim` is 8 there and 9 here"), "{message}");
    }

    #[test]
    fn a_replaced_configuration_is_the_one_that_is_opened_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFolder::create(folder.path(), TEXT).unwrap();
        run.replace_config("steps = 9").unwrap();
        assert_eq!(run.config(), "steps = 9");
        drop(run);
        assert_eq!(RunFolder::open(folder.path()).unwrap().config(), "steps = 9");
    }

    #[test]
    fn a_folder_that_was_emptied_is_claimed_again_and_one_that_is_gone_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let mut run = RunFolder::create(&path, TEXT).unwrap();
        assert!(!run.restore().unwrap(), "nothing is missing");
        for with_lock in [true, false] {
            fs::remove_file(path.join(CONFIG)).unwrap();
            if !with_lock {
                fs::remove_file(path.join(LOCK)).unwrap();
            }
            assert!(run.restore().unwrap());
            assert_eq!(fs::read_to_string(path.join(CONFIG)).unwrap(), TEXT);
            assert!(matches!(RunFolder::open(&path), Err(RunError::InUse { .. })), "with lock: {with_lock}");
        }
        fs::remove_dir_all(&path).unwrap();
        assert!(!run.restore().unwrap() && !path.exists());
    }

    #[test]
    fn a_folder_with_other_files_is_not_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years").unwrap();
        assert!(matches!(RunFolder::create(folder.path(), TEXT), Err(RunError::Occupied { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is added to it");
    }

    #[test]
    fn what_an_interrupted_start_leaves_behind_does_not_block_the_next() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".lock"), "process 1 on host gone").unwrap();
        fs::write(folder.path().join(format!("{}1", lzn_files::UNFINISHED)), "[tra").unwrap();
        RunFolder::create(folder.path(), TEXT).unwrap();
    }

    #[test]
    fn a_folder_without_configuration_is_not_a_run() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("absent")] {
            let error = RunFolder::open(&path).unwrap_err();
            assert!(matches!(&error, RunError::NotARun { path: named } if *named == path), "{error}");
        }
    }

    #[test]
    fn a_path_below_a_file_is_unwritable() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = RunFolder::create(file.join("run"), TEXT).unwrap_err();
        assert!(matches!(error, RunError::Unwritable { .. }), "{error}");
        assert!(error.to_string().contains("file/run"), "{error}");
    }

    #[test]
    fn a_folder_in_use_is_refused_until_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(folder.path(), TEXT).unwrap();
        for error in [RunFolder::open(folder.path()).unwrap_err(), RunFolder::create(folder.path(), TEXT).unwrap_err()]
        {
            let message = error.to_string();
            assert!(message.contains(&format!("process {} on host {}", std::process::id(), host())), "{message}");
        }
        drop(run);
        RunFolder::open(folder.path()).unwrap();
    }

    /// The test starts itself as a second process, which takes the folder and is killed without warning.
    #[test]
    fn a_killed_process_no_longer_holds_the_folder() {
        const CHILD: &str = "LZN_TEST_HOLDS_FOLDER";
        if let Some(path) = std::env::var_os(CHILD) {
            let _run = RunFolder::open(path).unwrap();
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        drop(RunFolder::create(folder.path(), TEXT).unwrap());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{}::a_killed_process_no_longer_holds_the_folder", module())])
            .env(CHILD, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let holder = format!("process {} on host", child.id());
        let held = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            fs::read_to_string(folder.path().join(LOCK)).is_ok_and(|text| text.starts_with(&holder))
        });
        let refusal = RunFolder::open(folder.path()).map(drop);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(held, "the second process never took the folder");
        let message = refusal.unwrap_err().to_string();
        assert!(message.contains(&holder), "{message}");
        RunFolder::open(folder.path()).unwrap();
    }

    /// Path of this module as the test runner names it: without the crate.
    fn module() -> &'static str {
        module_path!().split_once("::").unwrap().1
    }
}
