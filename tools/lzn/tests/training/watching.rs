//! `lzn watch` on runs of two processes, of which one keeps the other waiting: who is stuck, and in what.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Place, send, send_to, stderr};

/// A stage that lasts so many seconds is no moment between two others of these tiny steps.
const STUCK: f64 = 1.5;

fn start(place: &Place) -> Child {
    let mut command = place.train("run", &["train.iterations=100000"]);
    let mut child = command.args(["--processes", "2", "--worker-timeout", "60"]).spawn().unwrap();
    place.wait_for(&mut child, "run", 4);
    child
}

fn look(place: &Place, how: &str) -> String {
    let output = place.lzn(&["watch", "run", "--once", how]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Looks at the workers until it is as expected.
fn wait_until(place: &Place, expected: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begin = Instant::now();
    loop {
        let status: Value = serde_json::from_str(&look(place, "--json")).unwrap();
        let workers = status["workers"].as_array().unwrap();
        if expected(workers) {
            return workers.clone();
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{status:#}");
        sleep(Duration::from_millis(100));
    }
}

fn is_stuck(worker: &Value, stage: &str) -> bool {
    worker["stage"] == stage && worker["stage_seconds"].as_f64().is_some_and(|seconds| seconds > STUCK)
}

#[test]
fn a_worker_that_stands_still_is_told_from_one_that_waits_for_it() {
    let place = Place::new();
    let launcher = start(&place);
    let stopped = place.workers(&launcher)[1];
    assert!(send_to("STOP", stopped));
    let silent = |worker: &Value| worker["seconds_since_beat"].as_f64().is_some_and(|seconds| seconds > STUCK);
    let found =
        wait_until(&place, |workers| workers.len() == 2 && is_stuck(&workers[0], "network") && silent(&workers[1]));
    assert_eq!(found[1]["process"], stopped);
    assert!(found[0]["seconds_since_beat"].as_f64().unwrap() < 10.0, "worker 0 is well: {:#}", found[0]);
    assert!(send_to("CONT", stopped));
    send("TERM", &launcher);
    let output = launcher.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let names = fs::read_dir(place.path("run")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with(".worker")).collect::<Vec<_>>(), [""; 0]);
}

/// A pipe that nobody writes to, in the place of an image, keeps whoever reads it waiting, as a disk does that does not answer.
#[test]
fn a_worker_whose_data_does_not_come_is_named_while_the_other_waits_for_it() {
    let place = Place::new();
    let mut launcher = start(&place);
    let image = fs::read_dir(place.path("images/train/dark")).unwrap().next().unwrap().unwrap().path();
    let pipe = place.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, &image).unwrap();
    wait_until(&place, |workers| {
        let stuck = |of: [usize; 2]| is_stuck(&workers[of[0]], "data") && is_stuck(&workers[of[1]], "network");
        workers.len() == 2 && (stuck([0, 1]) || stuck([1, 0]))
    });
    let text = look(&place, "--every=1");
    let stages: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert!(stages == ["data", "network"] || stages == ["network", "data"], "{text}");
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    place.wait_until_deserted(Duration::from_secs(10));
}
