//! Disks that take no more.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Place, contents, send, stderr, succeed};

/// First a short run, so that there is a checkpoint, then a longer one.
const SHORT: [&str; 2] = ["train.iterations=2", "evaluate.every=4"];
const LONG: [&str; 2] = ["train.iterations=8", "evaluate.every=4"];

/// Whether the run ended as one that had room all the time.
fn assert_equal_to_undisturbed(place: &Place) {
    succeed(place.train("straight", &SHORT));
    succeed(place.train("straight", &LONG));
    assert_eq!(place.records("run"), place.records("straight"));
    assert!(place.weights("run") == place.weights("straight"));
}

/// Waits until a file of the run holds a text.
fn wait_for_text(place: &Place, child: &mut Child, file: &str, text: &str) {
    let begin = Instant::now();
    while !fs::read_to_string(place.path(file)).is_ok_and(|found| found.contains(text)) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before {file} held {text}");
        assert!(begin.elapsed() < Duration::from_secs(120), "no {text} in {file} after two minutes");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_disk_that_refuses_is_warned_of_and_waited_for_to_the_end_and_beyond() {
    let place = Place::new();
    succeed(place.train("run", &SHORT));
    // The picture of step 4 has no place to go.
    let picture = place.path("run/samples/000000004.png");
    fs::create_dir_all(picture.join("in the way")).unwrap();
    let mut child = place.train("run", &LONG).spawn().unwrap();
    place.wait_for(&mut child, "run", 8);
    fs::remove_dir_all(&picture).unwrap();
    let output = child.wait_with_output().unwrap();
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    for words in ["warning: records cannot be written", "000000004.png", "TRAINING GOES ON", "can be written again"] {
        assert!(message.contains(words), "{words} in {message}");
    }
    assert_equal_to_undisturbed(&place);
    let bytes = |run: &str| fs::read(place.path(run).join("samples/000000004.png")).unwrap();
    assert!(bytes("run") == bytes("straight"));
}

#[test]
fn checkpoints_that_do_not_fit_leave_the_earlier_ones_and_a_run_that_can_be_ended() {
    let place = Place::new();
    succeed(place.train("run", &SHORT));
    let before = contents(&place.path("run/checkpoints"));
    // No file may grow beyond 16 KiB, and the signal that says so is ignored, so that writing fails as on a full disk.
    let train = place.train("run", &LONG);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\""])
        .arg(train.get_program())
        .args(train.get_args());
    limited.current_dir(place.path("")).env("OMP_NUM_THREADS", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = limited.spawn().unwrap();
    wait_for_text(&place, &mut child, "run/metrics.jsonl", "\"step\":8");
    assert!(child.try_wait().unwrap().is_none(), "it waits for room");
    let begin = Instant::now();
    send("TERM", &child);
    let output = child.wait_with_output().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for words in ["TRAINING GOES ON", "parameters.safetensors", "checkpoints before it are kept", "lzn resume run"] {
        assert!(message.contains(words), "{words} in {message}");
    }
    assert!(contents(&place.path("run/checkpoints")) == before);
    succeed(place.resume("run"));
    assert_equal_to_undisturbed(&place);
}
