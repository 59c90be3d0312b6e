//! TensorBoard's events, read by TensorBoard itself.

use std::process::Command;

use crate::support::{Place, stderr, succeed};

/// Exit status by which the script says that there is no TensorBoard.
const MISSING: i32 = 77;

#[test]
fn where_python_has_tensorboard_it_reads_what_was_recorded_also_of_a_run_that_went_on() {
    let place = Place::new();
    succeed(place.train("run", &["train.iterations=3", "evaluate.every=2"]));
    succeed(place.train("run", &["train.iterations=6", "evaluate.every=2"]));
    let python = std::env::var_os("LZN_PYTHON").unwrap_or_else(|| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../python/check_events.py");
    let output = Command::new(python).arg(script).arg(place.path("run")).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    if output.status.code() == Some(MISSING) {
        eprintln!("skipped: Python has no tensorboard; LZN_PYTHON names one that has");
        return;
    }
    assert!(output.status.success() && text.contains("as recorded"), "{text}");
}
