//! A folder with tiny images, a configuration for them, and the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lzn_tasks::run::records::{self, Record};
use ndarray::Array4;
use tch::Tensor;

/// The configuration that the tests of the training loop use, too.
const CONFIG: &str = include_str!("../../../../crates/lzn-tasks/tests/training/joint.toml");

/// A place to train in.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// A folder with `tiny.toml` and `images/{train,test}/{dark,light}`.
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("tiny.toml"), CONFIG.replace("[data]\n", "[data]\npath = \"images\"\n")).unwrap();
        for (label, class) in ["dark", "light"].into_iter().enumerate() {
            for (part, count) in [("train", 12), ("test", 4)] {
                let shade =
                    |(i, _, y, x): (usize, usize, usize, usize)| (127 * label + (31 * i + 17 * y + 7 * x) % 128) as u8;
                let images = Array4::from_shape_fn((count, 1, 8, 8), shade);
                let folder = place.path("images").join(part).join(class);
                lzn_tasks::pictures::files(&folder, images.view(), count, &[], 0).unwrap();
            }
        }
        place
    }

    /// A path in the place.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with these arguments, in this place, on one thread.
    pub(crate) fn lzn(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lzn"));
        command.args(args).current_dir(self.0.path()).env("OMP_NUM_THREADS", "1");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `lzn train` on the images into the folder `run`.
    pub(crate) fn train(&self, run: &str, sets: &[&str]) -> Command {
        let mut command = self.lzn(&["train", "--config", "tiny.toml", "--run", run, "--threads", "1"]);
        command.args(sets.iter().flat_map(|set| ["--set", set]));
        command
    }

    /// `lzn resume` of the run in the folder `run`.
    pub(crate) fn resume(&self, run: &str) -> Command {
        self.lzn(&["resume", run, "--threads", "1"])
    }

    /// Records of a run without those of the clock.
    pub(crate) fn records(&self, run: &str) -> Vec<Record> {
        let mut all = records::read(&self.path(run)).unwrap();
        all.iter_mut().for_each(|record| record.values.retain(|name, _| !name.starts_with("time/")));
        all
    }

    /// The weights that a finished run left, bit for bit.
    pub(crate) fn weights(&self, run: &str) -> BTreeMap<String, Vec<u32>> {
        let (tensors, _) = lzn_torch::files::load(&self.path(run).join("weights.safetensors")).unwrap();
        let bits =
            |tensor: Tensor| Vec::<f32>::try_from(tensor.view(-1)).unwrap().into_iter().map(f32::to_bits).collect();
        tensors.into_iter().map(|(name, tensor)| (name, bits(tensor))).collect()
    }

    /// Names of the checkpoints of a run, in order.
    pub(crate) fn checkpoints(&self, run: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(run).join("checkpoints")).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    /// Processes that work in this place, in the order in which they were started.
    #[cfg(target_os = "linux")]
    fn processes(&self) -> Vec<u32> {
        let here = fs::canonicalize(self.0.path()).unwrap();
        // Of a process that has ended, the folder is not known any more.
        let is_here = |process: &u32| fs::read_link(format!("/proc/{process}/cwd")).is_ok_and(|folder| folder == here);
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let mut found: Vec<u32> =
            entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_here).collect();
        found.sort_unstable();
        found
    }

    /// Only Linux tells where processes work.
    #[cfg(not(target_os = "linux"))]
    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }

    /// The workers that `launcher` has started, in the order of their numbers; none where the system does not tell.
    pub(crate) fn workers(&self, launcher: &Child) -> Vec<u32> {
        let parent = format!("PPid:\t{}", launcher.id());
        let is_worker = |process: &u32| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            status.lines().any(|line| line == parent)
        };
        self.processes().into_iter().filter(is_worker).collect()
    }

    /// Waits until no process works in this place any more.
    pub(crate) fn wait_until_deserted(&self, limit: Duration) {
        let begin = Instant::now();
        while !self.processes().is_empty() {
            assert!(begin.elapsed() < limit, "{:?} are still there", self.processes());
            sleep(Duration::from_millis(2));
        }
    }

    /// Waits until a running training has saved a checkpoint of `step` or a later one.
    pub(crate) fn wait_for(&self, child: &mut Child, run: &str, step: u64) {
        let begin = Instant::now();
        while self.checkpoints(run).last().is_none_or(|name| name.parse::<u64>().unwrap() < step) {
            assert!(child.try_wait().unwrap().is_none(), "it ended before step {step}");
            assert!(begin.elapsed() < Duration::from_secs(120), "no checkpoint of step {step} after two minutes");
            sleep(Duration::from_millis(1));
        }
    }
}

/// Runs to the end, which must be a success; returns what was written to standard error.
pub(crate) fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap();
    let message = stderr(&output);
    assert!(output.status.success(), "{command:?}: {message}");
    message
}

/// Runs to the end, which must be a failure with exit status 1 and no panic; returns what was written to standard error.
pub(crate) fn fail(mut command: Command) -> String {
    let output = command.output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{command:?}: {message}");
    assert!(!message.contains("panicked") && !message.contains("RUST_BACKTRACE"), "{message}");
    message
}

/// What a program wrote to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal by its name, such as `INT`.
pub(crate) fn send(signal: &str, child: &Child) {
    assert!(send_to(signal, child.id()));
}

/// Sends a signal to a process; returns whether it was there.
pub(crate) fn send_to(signal: &str, process: u32) -> bool {
    let command = format!("kill -{signal} {process} 2> /dev/null");
    Command::new("sh").args(["-c", &command]).status().unwrap().success()
}

/// Names and bytes of all files below a folder.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    all
}
