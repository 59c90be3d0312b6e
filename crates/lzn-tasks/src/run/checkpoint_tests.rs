//! Tests of checkpoints: interruption, damage, a full disk.

use super::*;

const CONFIG: &str = "0badcafe";

struct Run {
    root: PathBuf,
    checkpoints: Checkpoints,
    _folder: tempfile::TempDir,
}

fn run(keep: usize) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("checkpoints");
    let checkpoints = Checkpoints::new(&root, CONFIG, NonZeroUsize::new(keep).unwrap());
    Run { root, checkpoints, _folder: folder }
}

/// Two files whose content depends on the step.
fn files(step: u64) -> [CheckpointFile<'static>; 2] {
    [
        CheckpointFile::new("model.bin", move |path| fs::write(path, vec![step as u8; 300])),
        CheckpointFile::new("state.json", move |path| fs::write(path, format!("{{\"step\":{step}}}"))),
    ]
}

/// Everything below a folder: paths and contents.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            all.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn nothing_saved_is_nothing_found() {
    let run = run(2);
    assert_eq!(run.checkpoints.latest_valid().unwrap(), None);
    fs::create_dir(&run.root).unwrap();
    assert_eq!(run.checkpoints.latest_valid().unwrap(), None);
}

#[test]
fn the_newest_is_found_with_the_bytes_that_were_written() {
    let run = run(2);
    for step in [9, 10] {
        run.checkpoints.save(step, &files(step)).unwrap();
    }
    let found = run.checkpoints.latest_valid().unwrap().unwrap();
    assert_eq!(found, Found { step: 10, path: run.root.join("000000010"), warnings: vec![] });
    assert_eq!(fs::read(found.path.join("model.bin")).unwrap(), vec![10; 300]);
    assert_eq!(fs::read(found.path.join("state.json")).unwrap(), b"{\"step\":10}");
}

#[test]
fn steps_are_compared_as_numbers_even_beyond_nine_digits() {
    let run = run(3);
    for step in [999_999_999, 1_000_000_000] {
        run.checkpoints.save(step, &files(step)).unwrap();
    }
    assert_eq!(run.checkpoints.latest_valid().unwrap().unwrap().step, 1_000_000_000);
}

#[test]
fn those_of_every_so_many_steps_stay_beside_the_last_ones() {
    let mut run = run(2);
    run.checkpoints = run.checkpoints.keeping_every(NonZeroU64::new(3));
    for step in 1..=10 {
        run.checkpoints.save(step, &files(step)).unwrap();
    }
    assert_eq!(run.checkpoints.steps().unwrap(), [3, 6, 9, 10]);
}

#[test]
fn the_folder_of_a_run_that_is_gone_is_not_made_anew() {
    let run = run(2);
    fs::remove_dir_all(run.root.parent().unwrap()).unwrap();
    let error = run.checkpoints.save(1, &files(1)).unwrap_err();
    assert!(matches!(error, RunError::Io { .. }) && !run.root.exists(), "{error}");
}

#[test]
fn only_the_last_ones_are_kept() {
    let run = run(2);
    for step in [1, 2, 3, 4] {
        run.checkpoints.save(step, &files(step)).unwrap();
    }
    assert_eq!(run.checkpoints.steps().unwrap(), [3, 4]);
    assert_eq!(fs::read_dir(&run.root).unwrap().count(), 2, "nothing else is left");
}

#[test]
fn every_flipped_bit_and_every_truncation_is_noticed() {
    let run = run(2);
    for step in [1, 2] {
        run.checkpoints.save(step, &files(step)).unwrap();
    }
    for (path, content) in contents(&run.root.join("000000002")) {
        let damaged = (0..content.len() * 8)
            .map(|bit| {
                let mut damaged = content.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                damaged
            })
            .chain((0..content.len()).map(|length| content[..length].to_vec()));
        for damaged in damaged {
            fs::write(&path, &damaged).unwrap();
            let found = run.checkpoints.latest_valid().unwrap().unwrap();
            assert_eq!(found.step, 1, "{} as {damaged:?} passed", path.display());
            let [warning] = &found.warnings[..] else { panic!("{:?}", found.warnings) };
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(warning.contains("000000002") && warning.contains("falling back"), "{warning}");
            assert!(warning.contains(name) || warning.contains("format version"), "{warning}");
        }
        fs::write(&path, &content).unwrap();
    }
    assert_eq!(run.checkpoints.latest_valid().unwrap().unwrap().step, 2, "undamaged again");
}

#[test]
fn a_missing_file_or_a_renamed_checkpoint_is_noticed() {
    let run = run(3);
    for step in [1, 2, 3] {
        run.checkpoints.save(step, &files(step)).unwrap();
    }
    fs::remove_file(run.root.join("000000003/model.bin")).unwrap();
    fs::rename(run.root.join("000000002"), run.root.join("000000007")).unwrap();
    let found = run.checkpoints.latest_valid().unwrap().unwrap();
    assert_eq!(found.step, 1);
    assert!(found.warnings[0].contains("its manifest is of step 2"), "{:?}", found.warnings);
    assert!(found.warnings[1].contains("model.bin"), "{:?}", found.warnings);
}

#[test]
fn damage_to_all_is_an_error_and_no_silent_new_start() {
    let run = run(2);
    for step in [1, 2] {
        run.checkpoints.save(step, &files(step)).unwrap();
        fs::write(run.root.join(format!("00000000{step}/state.json")), "{}").unwrap();
    }
    let message = run.checkpoints.latest_valid().unwrap_err().to_string();
    assert!(message.contains("000000001: state.json") && message.contains("000000002: state.json"), "{message}");
}

#[test]
fn after_falling_back_the_damaged_step_is_saved_anew() {
    let run = run(2);
    for step in [1, 2, 3] {
        run.checkpoints.save(step, &files(step)).unwrap();
    }
    fs::write(run.root.join("000000003/model.bin"), "short").unwrap();
    assert_eq!(run.checkpoints.latest_valid().unwrap().unwrap().step, 2);
    run.checkpoints.save(3, &files(3)).unwrap();
    let found = run.checkpoints.latest_valid().unwrap().unwrap();
    assert_eq!((found.step, found.warnings.len()), (3, 0));
    assert_eq!(run.checkpoints.steps().unwrap(), [2, 3]);
}

#[test]
fn a_damaged_later_checkpoint_does_not_push_out_whole_ones() {
    let run = run(1);
    run.checkpoints.save(9, &files(9)).unwrap();
    fs::write(run.root.join("000000009/model.bin"), "short").unwrap();
    run.checkpoints.save(5, &files(5)).unwrap();
    assert_eq!(run.checkpoints.latest_valid().unwrap().unwrap().step, 5);
}

#[test]
fn saving_the_same_step_twice_keeps_the_first() {
    let run = run(2);
    run.checkpoints.save(1, &files(1)).unwrap();
    let before = contents(&run.root);
    let never = [CheckpointFile::new("model.bin", |_| Err::<(), _>("must not be called"))];
    assert_eq!(run.checkpoints.save(1, &never).unwrap(), run.root.join("000000001"));
    assert_eq!(contents(&run.root), before);
}

#[test]
fn a_full_disk_loses_nothing_and_leaves_nothing_behind() {
    /// An error that hides a full disk behind two others, as a tensor library would.
    #[derive(Debug, thiserror::Error)]
    #[error("writing tensors failed")]
    struct Wrapped(#[source] io::Error);

    let run = run(1);
    run.checkpoints.save(1, &files(1)).unwrap();
    let before = contents(&run.root);
    let full = || Wrapped(io::Error::other(io::Error::from_raw_os_error(28)));
    let [first, _] = files(2);
    let second = CheckpointFile::new("state.json", |path: &Path| {
        fs::write(path, "half of it").unwrap();
        Err::<(), _>(full())
    });
    let error = run.checkpoints.save(2, &[first, second]).unwrap_err();
    assert!(matches!(&error, RunError::DiskFull { path, .. } if path.ends_with("state.json")), "{error:?}");
    assert_eq!(contents(&run.root), before);
    assert_eq!(fs::read_dir(&run.root).unwrap().count(), 1);
    assert_eq!(run.checkpoints.latest_valid().unwrap().unwrap().step, 1);
    run.checkpoints.save(2, &files(2)).unwrap();
    assert_eq!(run.checkpoints.steps().unwrap(), [2], "with room again, saving works");
}

#[test]
fn another_failure_is_not_called_a_full_disk() {
    let run = run(1);
    let broken = [CheckpointFile::new("model.bin", |_| Err::<(), _>("no such tensor"))];
    let error = run.checkpoints.save(1, &broken).unwrap_err();
    assert!(matches!(error, RunError::Save { .. }), "{error:?}");
    assert!(error.to_string().contains("no such tensor"), "{error}");
    let silent = [CheckpointFile::new("model.bin", |_| Ok::<(), io::Error>(()))];
    assert!(
        run.checkpoints.save(1, &silent).unwrap_err().to_string().contains("model.bin"),
        "a file that was never written"
    );
}

#[test]
fn leftovers_of_interrupted_saves_are_ignored_and_then_removed() {
    let run = run(2);
    run.checkpoints.save(1, &files(1)).unwrap();
    for leftover in [".saving-000000002", ".removing-000000000"] {
        fs::create_dir(run.root.join(leftover)).unwrap();
        fs::write(run.root.join(leftover).join("model.bin"), "half").unwrap();
    }
    assert_eq!(run.checkpoints.latest_valid().unwrap().unwrap().step, 1);
    run.checkpoints.save(2, &files(2)).unwrap();
    assert_eq!(fs::read_dir(&run.root).unwrap().count(), 2);
}

#[test]
fn a_file_in_the_place_of_a_checkpoint_counts_as_damaged_and_is_replaced() {
    let run = run(2);
    run.checkpoints.save(1, &files(1)).unwrap();
    fs::write(run.root.join("000000002"), "no folder").unwrap();
    let found = run.checkpoints.latest_valid().unwrap().unwrap();
    assert_eq!((found.step, found.warnings.len()), (1, 1));
    run.checkpoints.save(2, &files(2)).unwrap();
    assert_eq!(run.checkpoints.latest_valid().unwrap().unwrap().step, 2);
    assert_eq!(fs::read_dir(&run.root).unwrap().count(), 2);
}

#[test]
fn a_checkpoint_of_another_configuration_is_refused_with_both_digests() {
    let run = run(2);
    run.checkpoints.save(1, &files(1)).unwrap();
    let other = Checkpoints::new(&run.root, "12345678", NonZeroUsize::MIN);
    let message = other.latest_valid().unwrap_err().to_string();
    assert!(message.contains("12345678") && message.contains(CONFIG), "{message}");
    assert!(message.contains("000000001"), "{message}");
}

#[test]
fn names_that_would_leave_the_checkpoint_are_refused() {
    let run = run(1);
    for name in ["manifest.json", "../model.bin", "", ".hidden"] {
        let error = run.checkpoints.save(1, &[CheckpointFile::new(name, |path| fs::write(path, ""))]).unwrap_err();
        assert!(matches!(error, RunError::Name { .. }), "{name}: {error}");
    }
    let [first, _] = files(1);
    let [again, _] = files(1);
    assert!(matches!(run.checkpoints.save(1, &[first, again]), Err(RunError::Name { .. })));
    assert!(!run.root.exists(), "nothing is made for a request that is refused");
}
