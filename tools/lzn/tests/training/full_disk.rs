//! Disks that take no more.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Stdio};

use crate::support::{Place, contents, fail, succeed};

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

#[test]
fn a_full_disk_ends_the_run_with_the_remedy_and_it_goes_on_when_there_is_room() {
    let place = Place::new();
    succeed(place.train("run", &SHORT));
    // The picture of step 4 goes to the device that is always full.
    fs::create_dir(place.path("run/samples")).unwrap();
    let picture = place.path("run/samples/000000004.png");
    std::os::unix::fs::symlink("/dev/full", &picture).unwrap();
    let message = fail(place.train("run", &LONG));
    for words in ["no space left", "000000004.png", "free some space", "lzn resume run"] {
        assert!(message.contains(words), "{words} in {message}");
    }
    assert_eq!(place.checkpoints("run"), ["000000002"], "what was saved is safe");
    fs::remove_file(&picture).unwrap();
    succeed(place.resume("run"));
    assert_equal_to_undisturbed(&place);
}

#[test]
fn a_checkpoint_that_does_not_fit_leaves_the_earlier_ones_and_nothing_else() {
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
    let message = fail(limited);
    for words in ["parameters.safetensors", "checkpoints before it are kept", "lzn resume run"] {
        assert!(message.contains(words), "{words} in {message}");
    }
    assert!(contents(&place.path("run/checkpoints")) == before);
    succeed(place.resume("run"));
    assert_equal_to_undisturbed(&place);
}
