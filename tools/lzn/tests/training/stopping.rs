//! Killed, interrupted, terminated: what was saved is enough to arrive at the same numbers.

use std::fs;

use crate::support::{Place, fail, send, stderr, succeed};

/// Long enough to be caught in the middle.
const LENGTH: [&str; 2] = ["train.iterations=48", "evaluate.every=16"];

#[test]
fn a_run_killed_twice_and_resumed_gives_bit_for_bit_what_an_uninterrupted_one_gives() {
    let place = Place::new();
    succeed(place.train("straight", &LENGTH));
    for (step, mut command) in [(4, place.train("killed", &LENGTH)), (20, place.resume("killed"))] {
        let mut child = command.spawn().unwrap();
        place.wait_for(&mut child, "killed", step);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "ended by the signal");
        assert!(!place.path("killed/weights.safetensors").exists(), "caught in the middle");
    }
    let message = succeed(place.resume("killed"));
    assert!(message.contains("going on from step"), "{message}");
    assert_eq!(place.records("killed"), place.records("straight"));
    assert_eq!(place.records("killed").iter().filter(|r| r.values.contains_key("train/loss")).count(), 48);
    assert!(place.weights("killed") == place.weights("straight"));
}

#[test]
fn interrupt_and_termination_finish_the_step_save_and_say_how_to_go_on() {
    let place = Place::new();
    succeed(place.train("straight", &LENGTH));
    for (signal, step, mut command) in
        [("INT", 4, place.train("run", &LENGTH)), ("TERM", 20, place.train("run", &LENGTH))]
    {
        let mut child = command.spawn().unwrap();
        place.wait_for(&mut child, "run", step);
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(130), "{message}");
        assert!(message.contains("go on with: lzn resume run"), "{message}");
        let (_, after) = message.split_once("stopped after step ").unwrap();
        let stopped: u64 = after.split(';').next().unwrap().parse().unwrap();
        assert_eq!(place.checkpoints("run").last().unwrap(), &format!("{stopped:09}"), "saved where it stopped");
        assert_eq!(place.records("run").last().unwrap().step, stopped, "and recorded up to there");
    }
    succeed(place.resume("run"));
    assert_eq!(place.records("run"), place.records("straight"));
    assert!(place.weights("run") == place.weights("straight"));
}

#[test]
fn a_run_folder_in_use_is_refused_with_the_process_that_uses_it() {
    let place = Place::new();
    let mut child = place.train("run", &["train.iterations=100000"]).spawn().unwrap();
    place.wait_for(&mut child, "run", 2);
    let messages = [fail(place.resume("run")), fail(place.train("run", &[]))];
    assert!(child.try_wait().unwrap().is_none(), "the first one goes on");
    let reached = place.checkpoints("run").last().unwrap().parse::<u64>().unwrap();
    place.wait_for(&mut child, "run", reached + 2);
    let holder = format!("process {} on host", child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    for message in messages {
        assert!(message.contains("run") && message.contains(&holder) && message.contains("stop it"), "{message}");
    }
    // The lock ends with its holder.
    succeed(place.lzn(&["resume", "run", "--threads", "1", "--set", "train.iterations=1"]));
}

#[test]
fn training_again_into_a_finished_run_changes_nothing_and_says_where_everything_is() {
    let place = Place::new();
    succeed(place.train("run", &[]));
    let (records, weights) = (place.records("run"), place.weights("run"));
    let output = place.train("run", &[]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    for words in
        ["test accuracy", "run/samples.png", "run/weights.safetensors", "lzn resume run --set train.iterations="]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert_eq!(place.records("run"), records);
    assert!(place.weights("run") == weights);
}

#[test]
fn a_profile_is_printed_at_the_intervals_of_records_and_at_the_end() {
    let place = Place::new();
    let mut command = place.train("run", &["train.iterations=4", "train.log_every=2"]);
    let output = command.arg("--profile").output().unwrap();
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    for step in [2, 4] {
        let line = text.lines().find(|line| line.starts_with(&format!("step {step}: "))).expect("a line");
        assert!(["data", "encoder", "zoning", "backward", "rest"].iter().all(|part| line.contains(part)), "{line}");
    }
    assert!(text.contains("time of a step, over 4 steps:") && text.contains("whole step"), "{text}");

    let trace: serde_json::Value = serde_json::from_slice(&fs::read(place.path("run/trace.json")).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let named = |name: &str| events.iter().filter(move |event| event["name"] == name).collect::<Vec<_>>();
    assert_eq!((named("process_name").len(), named("step").len(), named("backward").len()), (1, 4, 4));
    for name in ["batch", "encoder", "rectified_flow", "align/image-label", "update", "checkpoint", "results"] {
        assert!(!named(name).is_empty(), "{name} in {trace}");
    }
    let ends = |event: &serde_json::Value| {
        let [begin, length] = ["ts", "dur"].map(|key| event[key].as_f64().unwrap());
        (begin, begin + length)
    };
    for (step, backward) in named("step").into_iter().zip(named("backward")) {
        assert!(step["ph"] == "X" && step["cat"] == "device" && step["pid"] == 0 && step["tid"] == 0, "{step}");
        let (outer, inner) = (ends(step), ends(backward));
        assert!(outer.0 <= inner.0 && inner.1 <= outer.1, "{step} around {backward}");
    }
}
