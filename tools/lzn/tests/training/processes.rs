//! `lzn train --processes`: what several processes leave is what one leaves, and none outlives the others.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::support::{Place, send, send_to, stderr, succeed};

/// Without dropout, which each worker draws for itself.
const STILL: [&str; 3] = ["model.encoder.ncsnpp.dropout=0.0", "model.decoder.dropout=0.0", "train.batch_size=8"];

fn train(place: &Place, run: &str, processes: &str, sets: &[&str]) -> Command {
    let mut command = place.train(run, &[&STILL[..], sets].concat());
    command.args(["--processes", processes, "--worker-timeout", "30"]);
    command
}

/// Losses and metrics of two runs agree within rounding.
fn assert_close(place: &Place, expected: &str, got: &str) {
    let (expected, got) = (place.records(expected), place.records(got));
    assert_eq!(expected.len(), got.len());
    for (expected, got) in expected.iter().zip(got) {
        assert_eq!(expected.step, got.step);
        for (name, value) in &expected.values {
            let (value, other) = (value.unwrap(), got.values[name].unwrap());
            let error = (value - other).abs();
            assert!(error < 1e-3 * (1.0 + value.abs()), "{name} of step {} is {other}, not {value}", got.step);
        }
    }
}

#[test]
fn processes_leave_what_one_leaves_and_another_number_goes_on() {
    let place = Place::new();
    succeed(train(&place, "one", "1", &["train.iterations=4"]));
    succeed(train(&place, "four", "4", &["train.iterations=4"]));
    assert_close(&place, "one", "four");
    for file in ["weights.safetensors", "samples.png", "config.toml", "metrics.csv"] {
        assert!(place.path("four").join(file).is_file(), "{file}");
    }
    let mut resume = place.resume("four");
    resume.args(["--processes", "2", "--set", "train.iterations=6"]);
    let said = succeed(resume);
    assert!(said.contains("the checkpoint of step 4 is of 4 processes and goes on with 2"), "{said}");
    succeed(train(&place, "one", "1", &[]));
    assert_close(&place, "one", "four");
}

#[test]
fn a_stopped_run_of_two_goes_on_to_the_same_bits() {
    let place = Place::new();
    let long = ["train.iterations=30"];
    succeed(train(&place, "whole", "2", &long));
    let mut launcher = train(&place, "stopped", "2", &long).spawn().unwrap();
    place.wait_for(&mut launcher, "stopped", 4);
    send("TERM", &launcher);
    let output = launcher.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("go on with: lzn resume stopped"), "{}", stderr(&output));
    let mut resume = place.resume("stopped");
    resume.args(["--processes", "2"]);
    succeed(resume);
    assert_eq!(place.weights("whole"), place.weights("stopped"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_is_killed_ends_the_others_and_the_run_goes_on() {
    let place = Place::new();
    let mut launcher = train(&place, "run", "4", &["train.iterations=100000"]).spawn().unwrap();
    place.wait_for(&mut launcher, "run", 2);
    let processes = place.workers(&launcher);
    assert_eq!(processes.len(), 4);
    let killed = processes[2];
    let begin = Instant::now();
    assert!(send_to("KILL", killed));
    let output = launcher.wait_with_output().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("of 4 (process {killed}) died: signal: 9")), "{said}");
    assert!(said.contains("another worker has gone"), "{said}");
    assert!(said.contains("what was saved is safe, go on with: lzn resume run"), "{said}");
    place.wait_until_deserted(Duration::ZERO);
    let saved: u64 = place.checkpoints("run").last().unwrap().parse().unwrap();
    let mut resume = place.resume("run");
    resume.args(["--processes", "4", "--set", &format!("train.iterations={}", saved + 2)]);
    let said = succeed(resume);
    assert!(said.contains(&format!("going on from step {saved}")), "{said}");
}

/// Sends SIGTERM to one worker of two, waits for the end of all, and returns what they said.
#[cfg(target_os = "linux")]
fn terminate_one(place: &Place, launcher: Child, rank: usize) -> String {
    let worker = place.workers(&launcher)[rank];
    let begin = Instant::now();
    assert!(send_to("TERM", worker));
    let output = launcher.wait_with_output().unwrap();
    let said = stderr(&output);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}: {said}", begin.elapsed());
    assert_eq!(output.status.code(), Some(130), "{said}");
    said
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_is_terminated_stops_all_within_ten_seconds_in_a_step_and_in_an_evaluation() {
    let place = Place::new();
    let short = ["train.iterations=8"];
    succeed(train(&place, "whole", "2", &short));

    // Far longer than the test: samples of some hundred thousand passes of the network.
    let long = ["train.iterations=8", "evaluate.every=4", "evaluate.sampler_steps=100000"];
    for rank in [1, 0] {
        let run = format!("drawing-{rank}");
        let mut launcher = train(&place, &run, "2", &long).spawn().unwrap();
        place.wait_for(&mut launcher, &run, 4);
        let said = terminate_one(&place, launcher, rank);
        assert!(said.contains("stopped after step 4"), "{said}");
        let mut resume = place.resume(&run);
        resume.args(["--processes", "2", "--set", "evaluate.sampler_steps=1"]);
        succeed(resume);
        assert_eq!(place.weights("whole"), place.weights(&run));
    }

    let endless = ["train.iterations=100000"];
    let mut launcher = train(&place, "stepping", "2", &endless).spawn().unwrap();
    place.wait_for(&mut launcher, "stepping", 2);
    terminate_one(&place, launcher, 1);
    let saved: u64 = place.checkpoints("stepping").last().unwrap().parse().unwrap();
    let until = format!("train.iterations={}", saved + 2);
    let mut resume = place.resume("stepping");
    resume.args(["--processes", "2", "--set", &until]);
    succeed(resume);
    succeed(train(&place, "as-long", "2", &[&until]));
    assert_eq!(place.weights("as-long"), place.weights("stepping"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_hangs_ends_the_others_at_the_time_limit_even_if_it_is_the_one_through_which_they_met() {
    let place = Place::new();
    let start = |rank: usize| {
        let run = format!("hangs-{rank}");
        let mut launcher = train(&place, &run, "2", &["train.iterations=100000"]).spawn().unwrap();
        place.wait_for(&mut launcher, &run, 2);
        assert!(send_to("STOP", place.workers(&launcher)[rank]));
        (rank, launcher)
    };
    let begin = Instant::now();
    for (rank, launcher) in [0, 1].map(start) {
        let output = launcher.wait_with_output().unwrap();
        let said = stderr(&output);
        // The limit, what the others need to end, and ten seconds for the one that hangs before it is killed.
        assert!(begin.elapsed() < Duration::from_secs(90), "{:?}: {said}", begin.elapsed());
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("another worker did not do its part within the time limit"), "{said}");
        assert!(said.contains(&format!("worker {} of 2", 1 - rank)), "{said}");
    }
}

#[test]
fn workers_without_the_devices_that_are_asked_for_say_so() {
    if tch::Cuda::is_available() {
        return;
    }
    let place = Place::new();
    let output = train(&place, "run", "2", &[]).args(["--device", "cuda"]).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("libtorch sees no CUDA device; `lzn doctor` says why, --device cpu works"), "{said}");
    assert!(!place.path("run").exists());
}

#[test]
fn batches_that_cannot_be_shared_are_refused_before_anything_is_written() {
    let place = Place::new();
    let output = train(&place, "run", "3", &[]).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("8 cannot be divided into equal shares for 3 workers"), "{said}");
    assert!(!place.path("run").exists());
}
