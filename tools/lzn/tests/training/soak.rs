//! A soak: short runs that are killed and terminated at random moments, of several processes the one that was started or a worker, until so
//! many blows have fallen; each run must end with the weights and records of one that nobody disturbed, to the bit, and every checkpoint that
//! was ever left behind must be whole.
//!
//! The short form is a test like any other; `cargo xtask soak --kills 200 --processes 1,2` asks for more, 200 of either number of processes, by
//! the variables `LZN_SOAK_KILLS`, `LZN_SOAK_PROCESSES` and `LZN_SOAK_SEED`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lzn_random::{Purpose, Stream};

use crate::support::{Place, send_to, stderr};

/// Blows of the short form on runs of one process, one on each kind.
const ALONE: usize = 6;
/// The same of several: on every second kind.
const TOGETHER: usize = 3;
/// Whoever is told to end has so long.
const LIMIT: Duration = Duration::from_secs(10);
/// Steps of each run, with evaluations in between, so that blows fall on those as well.
const LENGTH: [&str; 4] =
    ["train.iterations=40", "train.checkpoint_every=3", "train.keep_every=10", "evaluate.every=7"];

/// What is trained: everything that carries state of its own from step to step.
const KINDS: [(&str, &[&str]); 6] = [
    ("joint", &[]),
    ("joint in float16", &["train.precision=\"float16\""]),
    (
        "views",
        &["objective=[{kind=\"align\",from=\"image\",to=\"view\",form=\"log\"}]", "model.label_conditional=false"],
    ),
    ("simclr", &["objective=[{kind=\"simclr\"}]", "model.label_conditional=false"]),
    ("joint in pieces", &["train.micro_batch=2"]),
    ("moco", &["objective=[{kind=\"moco\",queue=18}]", "model.label_conditional=false"]),
];

/// What happened.
#[derive(Debug, Default)]
struct Tally {
    /// Blows by what they were.
    blows: BTreeMap<String, usize>,
    runs: usize,
    checkpoints: usize,
    slowest_end: Duration,
}

impl Tally {
    fn count(&self) -> usize {
        self.blows.values().sum()
    }
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A number in [0, 1).
fn uniform(draws: &mut Stream) -> f64 {
    draws.uniforms(1, 0.0, 1.0)[0].into()
}

/// Starts or goes on with a run.
fn start(place: &Place, run: &str, processes: usize, sets: &[&str]) -> Child {
    let mut command: Command = if place.path(run).join("config.toml").exists() {
        place.resume(run)
    } else {
        place.train(run, &[&LENGTH[..], sets].concat())
    };
    if processes > 1 {
        command.args(["--processes", &processes.to_string()]);
    }
    command.spawn().unwrap()
}

/// Loads every file of every checkpoint of a run: what a name without a dot promises.
fn assert_whole(run: &Path) -> usize {
    let mut whole = 0;
    for entry in fs::read_dir(run.join("checkpoints")).into_iter().flatten() {
        let folder = entry.unwrap().path();
        if folder.file_name().unwrap().to_string_lossy().starts_with('.') {
            continue;
        }
        let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        for (name, entry) in manifest["files"].as_object().unwrap() {
            let path = folder.join(name);
            assert_eq!(Some(fs::metadata(&path).unwrap().len()), entry["bytes"].as_u64(), "{}", path.display());
            match path.extension().unwrap().to_str().unwrap() {
                "safetensors" => drop(lzn_torch::files::load(&path).unwrap()),
                _ => drop(serde_json::from_slice::<serde_json::Value>(&fs::read(&path).unwrap()).unwrap()),
            }
        }
        whole += 1;
    }
    whole
}

/// What strikes a run: a signal to the process that was started, or to one of the workers that it has started.
#[derive(Debug)]
struct Blow {
    signal: &'static str,
    worker: bool,
}

impl Blow {
    /// Strikes at random; none if whoever was to be struck has just ended.
    fn fall(child: &Child, place: &Place, draws: &mut Stream) -> Option<Self> {
        let signal = if uniform(draws) < 0.5 { "KILL" } else { "TERM" };
        let (workers, which) = (place.workers(child), uniform(draws));
        let victim = if uniform(draws) < 0.5 { workers.get((which * workers.len() as f64) as usize) } else { None };
        let sent = send_to(signal, victim.copied().unwrap_or(child.id()));
        sent.then_some(Self { signal, worker: victim.is_some() })
    }

    /// Whether a run that ends like this, of which `message` is what it said, had got to its end.
    fn ended(&self, status: ExitStatus, message: &str) -> bool {
        match (status.code(), status.signal()) {
            (Some(0), _) => true,
            // A worker dies of it, as it does of the other signal before it listens.
            (Some(1), _) if self.worker && message.contains("died: signal: ") => false,
            // Asked to stop; before it listened, the signal itself ends it.
            (Some(130), _) | (None, Some(15)) if self.signal == "TERM" => false,
            (None, Some(9)) if self.signal == "KILL" && !self.worker => false,
            _ => panic!("{self:?}: {status}: {message}"),
        }
    }
}

/// Strikes a run at a random moment of the time that it takes undisturbed; returns whether it had got to its end.
fn strike(place: &Place, mut child: Child, (whole, draws): (Duration, &mut Stream), tally: &mut Tally) -> bool {
    let moment = Instant::now() + whole.mul_f64(uniform(draws));
    while Instant::now() < moment && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
    let blow = if child.try_wait().unwrap().is_none() { Blow::fall(&child, place, draws) } else { None };
    let begin = Instant::now();
    let output = child.wait_with_output().unwrap();
    let message = stderr(&output);
    place.wait_until_deserted(LIMIT);
    let Some(blow) = blow else {
        assert!(output.status.success(), "{message}");
        return true;
    };
    assert!(begin.elapsed() < LIMIT, "{blow:?}: it took {:?} to end: {message}", begin.elapsed());
    tally.slowest_end = tally.slowest_end.max(begin.elapsed());
    let victim = if blow.worker { "a worker" } else { "the run" };
    *tally.blows.entry(format!("{} to {victim}", blow.signal)).or_default() += 1;
    blow.ended(output.status, &message)
}

/// Strikes runs of one kind until `blows` have fallen.
fn soak(
    place: &Place,
    (kind, sets): (&str, &[&str]),
    processes: usize,
    blows: usize,
    (draws, tally): (&mut Stream, &mut Tally),
) {
    let straight = format!("straight {kind} {processes}");
    let begin = Instant::now();
    assert!(start(place, &straight, processes, sets).wait().unwrap().success(), "{kind}");
    let whole = begin.elapsed();
    let expected = (place.weights(&straight), place.records(&straight));
    let before = tally.count();
    let run = format!("run {kind} {processes}");
    loop {
        let left = blows.saturating_sub(tally.count() - before);
        let child = start(place, &run, processes, sets);
        let ended = if left > 0 {
            strike(place, child, (whole, draws), tally)
        } else {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", stderr(&output));
            true
        };
        tally.checkpoints += assert_whole(&place.path(&run));
        if ended {
            assert!(place.weights(&run) == expected.0, "{kind} on {processes}: other weights");
            assert!(place.records(&run) == expected.1, "{kind} on {processes}: other records");
            tally.runs += 1;
            fs::remove_dir_all(place.path(&run)).unwrap();
            if left == 0 {
                return;
            }
        }
    }
}

#[test]
fn soak_runs_struck_at_random_moments_end_as_those_that_were_left_alone() {
    let processes = setting("LZN_SOAK_PROCESSES", "1,2".to_owned());
    let mut draws = Stream::new(setting("LZN_SOAK_SEED", 0), Purpose::new("soak"), [0; 3]);
    let (place, begin) = (Place::new(), Instant::now());
    let mut tallies = BTreeMap::new();
    for count in processes.split(',').map(|count| count.trim().parse::<usize>().unwrap()) {
        let kills: usize = setting("LZN_SOAK_KILLS", if count == 1 { ALONE } else { TOGETHER });
        let tally: &mut Tally = tallies.entry(count).or_default();
        for (i, kind) in KINDS.into_iter().enumerate() {
            // As evenly as it goes.
            let blows = (i + 1) * kills / KINDS.len() - i * kills / KINDS.len();
            if blows > 0 {
                soak(&place, kind, count, blows, (&mut draws, tally));
            }
        }
    }
    for (count, tally) in tallies {
        let blows: Vec<String> = tally.blows.iter().map(|(blow, count)| format!("{blow}: {count}")).collect();
        println!(
            "{count} process(es): {} blows ({}), the slowest end after one took {:.1} s; {} runs ended, all with the weights and records of \
             undisturbed ones; {} checkpoints loaded",
            tally.count(),
            blows.join(", "),
            tally.slowest_end.as_secs_f64(),
            tally.runs,
            tally.checkpoints
        );
    }
    println!("{:.0} s", begin.elapsed().as_secs_f64());
}
