//! Tests of the records: resuming, new columns, damage.

use std::fs;

use super::*;

/// Numbers whose shortest text has many digits, so that reading and writing again would show.
fn values(step: u64) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::from([
        ("loss/flow".to_owned(), (step as f64).sqrt() / 7.0),
        ("loss/align".to_owned(), f64::from((step as f32).ln_1p())),
    ]);
    if step.is_multiple_of(4) {
        values.insert("accuracy".to_owned(), 1.0 / (step + 3) as f64);
    }
    values
}

fn record(recorder: &mut Recorder, steps: impl IntoIterator<Item = u64>) {
    for step in steps {
        recorder.write(step, &values(step)).unwrap();
    }
}

/// The files that plots are made from.
fn files(folder: &Path) -> [String; 2] {
    ["metrics.jsonl", "metrics.csv"].map(|name| fs::read_to_string(folder.join(name)).unwrap())
}

fn uninterrupted(last: u64) -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    record(&mut Recorder::open(folder.path(), None).unwrap(), 1..=last);
    files(folder.path())
}

#[test]
fn what_is_written_is_read_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    record(&mut Recorder::open(folder.path(), None).unwrap(), 1..=200);
    let records = read(folder.path()).unwrap();
    assert_eq!(records.len(), 200);
    for (record, step) in records.into_iter().zip(1..) {
        let expected = values(step).into_iter().map(|(name, value)| (name, Some(value))).collect();
        assert_eq!(record, Record { step, values: expected });
    }
}

#[test]
fn the_table_has_the_same_numbers_and_an_empty_cell_where_there_was_none() {
    let folder = tempfile::tempdir().unwrap();
    record(&mut Recorder::open(folder.path(), None).unwrap(), 1..=9);
    let [_, table] = files(folder.path());
    let mut rows = table.lines();
    let names: Vec<_> = rows.next().unwrap().split(',').skip(1).collect();
    for (row, step) in rows.zip(1..) {
        let mut cells = row.split(',');
        assert_eq!(cells.next().unwrap(), step.to_string());
        for (name, cell) in names.iter().zip(cells) {
            assert_eq!(cell.parse().ok(), values(step).get(*name).copied(), "{name} at step {step}");
        }
    }
    assert_eq!(table.lines().count(), 10);
}

#[test]
fn a_resumed_run_has_the_records_of_an_uninterrupted_one() {
    // Checkpoints before and after the first accuracy, which adds a column; killed right after, later, and in mid-line.
    for checkpoint in [0, 1, 3, 4, 6] {
        for killed_at in [checkpoint, checkpoint + 1, 11] {
            for torn in ["", "{\"step\":12,\"lo"] {
                let folder = tempfile::tempdir().unwrap();
                record(&mut Recorder::open(folder.path(), None).unwrap(), 1..=killed_at);
                for name in ["metrics.jsonl", "metrics.csv"] {
                    let path = folder.path().join(name);
                    let text = fs::read_to_string(&path).unwrap();
                    fs::write(&path, text + torn).unwrap();
                }
                let mut recorder = Recorder::open(folder.path(), Some(checkpoint)).unwrap();
                assert_eq!(files(folder.path()), uninterrupted(checkpoint), "on resuming at {checkpoint}");
                record(&mut recorder, checkpoint + 1..=10);
                assert_eq!(files(folder.path()), uninterrupted(10), "from {checkpoint}, killed at {killed_at}");
            }
        }
    }
}

#[test]
fn a_run_that_never_saved_begins_with_empty_records() {
    let folder = tempfile::tempdir().unwrap();
    record(&mut Recorder::open(folder.path(), None).unwrap(), 0..5);
    drop(Recorder::open(folder.path(), None).unwrap());
    assert_eq!(files(folder.path()), ["", ""]);
}

#[test]
fn a_line_damaged_in_the_middle_is_named_and_nothing_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    record(&mut Recorder::open(folder.path(), None).unwrap(), 1..=5);
    let path = folder.path().join("metrics.jsonl");
    let damaged = fs::read_to_string(&path).unwrap().replace("\"step\":3", "\"stop\":3");
    fs::write(&path, &damaged).unwrap();
    let error = Recorder::open(folder.path(), Some(5)).unwrap_err();
    assert!(matches!(error, RunError::Record { line: 3, .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
}

#[test]
fn values_that_are_not_finite_are_recorded_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(folder.path(), None).unwrap();
    for (step, value) in [(1, f64::NAN), (2, f64::INFINITY), (3, 0.5)] {
        recorder.write(step, &BTreeMap::from([("loss".to_owned(), value)])).unwrap();
    }
    let expected = files(folder.path());
    assert_eq!(expected[1], "step,loss\n1,NaN\n2,NaN\n3,0.5\n");
    let read: Vec<_> = read(folder.path()).unwrap().into_iter().map(|record| record.values["loss"]).collect();
    assert_eq!(read, [None, None, Some(0.5)]);
    drop(recorder);
    drop(Recorder::open(folder.path(), Some(3)).unwrap());
    assert_eq!(files(folder.path()), expected, "and stay so when the table is made anew");
}

#[test]
fn names_that_would_break_the_table_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(folder.path(), None).unwrap();
    for name in ["", "step", "a,b", "a\"b", "a\nb"] {
        let error = recorder.write(1, &BTreeMap::from([(name.to_owned(), 1.0)])).unwrap_err();
        assert!(matches!(error, RunError::Name { .. }), "{error}");
    }
    assert_eq!(files(folder.path()), ["", ""]);
}

/// `/dev/full` is a file on which every write fails for want of space.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported_as_one() {
    let mut file = fs::File::options().append(true).open("/dev/full").unwrap();
    let error = lines::append_whole(&mut file, 0, b"line\n").unwrap_err();
    let error = RunError::io(Path::new("metrics.jsonl"))(error);
    assert!(matches!(&error, RunError::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().contains("metrics.jsonl"), "{error}");
}
