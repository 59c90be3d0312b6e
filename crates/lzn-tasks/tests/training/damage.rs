//! Checkpoints that were damaged, belong elsewhere, or could not be written.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use lzn_tasks::TaskError;
use lzn_tasks::config::RunConfig;
use lzn_tasks::run::{CheckpointFile, Checkpoints, RunError, StopFlag};
use lzn_tasks::train::hooks::Hook;
use lzn_tasks::train::{Outcome, Session, StepReport, Trainer};
use lzn_torch::TorchError;

use crate::support::{bits, contents, data, finish, joint, open, records_of, stop_at};

/// Damages a file in one of the ways in which disks do.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() * 2 / 3]).unwrap();
}

#[test]
fn training_falls_back_from_a_damaged_checkpoint_says_so_and_arrives_at_the_same_weights() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    let straight = tempfile::tempdir().unwrap();
    let expected = bits(finish(&config, straight.path()).session().engine.parameters());
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 5] = [
        ("parameters.safetensors", flip),
        ("averages.safetensors", truncate),
        ("optimizer.safetensors", flip),
        ("state.json", truncate),
        ("manifest.json", flip),
    ];
    for (file, damage) in damages {
        let run = tempfile::tempdir().unwrap();
        drop(stop_at(&config, run.path(), 4));
        damage(&run.path().join("checkpoints/000000004").join(file));
        let mut trainer = open(&config, run.path()).unwrap();
        assert_eq!(trainer.session().step, 2, "{file}");
        let [warning] = &trainer.session().warnings[..] else { panic!("{:?}", trainer.session().warnings) };
        assert!(
            warning.contains("000000004") && warning.contains("falling back to the checkpoint of step 2"),
            "{warning}"
        );
        assert_eq!(trainer.run(&StopFlag::new()).unwrap(), Outcome::Finished);
        assert!(bits(trainer.session().engine.parameters()) == expected, "{file}");
        assert_eq!(records_of(run.path()), records_of(straight.path()), "{file}");
    }
}

#[test]
fn a_full_disk_is_recognised_behind_the_errors_of_this_crate_and_the_tensor_files() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path().join("checkpoints"), "00000000", NonZeroUsize::MIN);
    let full = |path: &Path| {
        let (path, source) = (path.to_owned(), std::io::Error::from(std::io::ErrorKind::StorageFull));
        Err::<(), _>(TaskError::from(TorchError::Io { path, source }))
    };
    let error = checkpoints.save(1, &[CheckpointFile::new("parameters.safetensors", full)]).unwrap_err();
    assert!(matches!(error, RunError::DiskFull { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("parameters.safetensors") && message.contains("free some space"), "{message}");
    assert_eq!(checkpoints.steps().unwrap(), [0; 0]);
}

#[test]
fn a_run_whose_checkpoints_are_all_damaged_does_not_begin_again_in_silence() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    let run = tempfile::tempdir().unwrap();
    drop(stop_at(&config, run.path(), 4));
    for step in ["000000002", "000000004"] {
        flip(&run.path().join("checkpoints").join(step).join("parameters.safetensors"));
    }
    let before = contents(&run.path().join("checkpoints"));
    let message = open(&config, run.path()).map(drop).unwrap_err().to_string();
    assert!(message.contains("000000002") && message.contains("000000004") && message.contains("remove"), "{message}");
    assert!(contents(&run.path().join("checkpoints")) == before, "nothing is lost");
    assert_eq!(records_of(run.path()).len(), 4);
}

#[test]
fn a_checkpoint_of_another_configuration_is_refused_and_both_are_named() {
    let folder = data();
    let (ours, theirs) = (joint(folder.path(), &[]), joint(folder.path(), &["model.latent_dim=5"]));
    let (run, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(stop_at(&ours, run.path(), 2));
    drop(stop_at(&theirs, other.path(), 4));
    fs::rename(other.path().join("checkpoints/000000004"), run.path().join("checkpoints/000000004")).unwrap();
    let records = fs::read(run.path().join("metrics.jsonl")).unwrap();
    let error = open(&ours, run.path()).map(drop).unwrap_err();
    assert!(matches!(error, TaskError::Run(RunError::OtherConfig { .. })), "{error}");
    let message = error.to_string();
    for digest in [ours.identity(), theirs.identity()] {
        assert!(message.contains(&format!("{digest:08x}")), "{message}");
    }
    assert!(message.contains("000000004") && message.contains("new folder"), "{message}");
    assert!(fs::read(run.path().join("metrics.jsonl")).unwrap() == records, "nothing is lost");
}

/// Does something to the run's folder after some steps, as disks do.
struct Disturb<F>(F);

impl<F: FnMut(u64, &Path)> Hook for Disturb<F> {
    fn after_step(&mut self, session: &mut Session, _: &StepReport) -> Result<(), TaskError> {
        // What was begun before is to be on the disk, so that it is known what the disturbance meets.
        let _ = session.saver.finish();
        (self.0)(session.step, session.folder.path());
        Ok(())
    }
}

/// Trains to the end with a disturbance; returns the run's warnings.
fn disturbed(config: &RunConfig, run: &Path, disturb: impl FnMut(u64, &Path) + 'static) -> (Trainer, Vec<String>) {
    let mut trainer = open(config, run).unwrap();
    trainer.add_hook(Box::new(Disturb(disturb)));
    assert_eq!(trainer.run(&StopFlag::new()).unwrap(), Outcome::Finished);
    let warnings = trainer.session().warnings.clone();
    (trainer, warnings)
}

fn unplug(folder: &Path) {
    fs::rename(folder, folder.with_extension("away")).unwrap();
}

fn plug(folder: &Path) {
    fs::rename(folder.with_extension("away"), folder).unwrap();
}

#[test]
fn training_goes_on_while_its_folders_are_gone_and_everything_is_there_when_they_are_back() {
    let folder = data();
    let config = joint(folder.path(), &["evaluate.every=4", "train.iterations=8"]);
    let straight = tempfile::tempdir().unwrap();
    let expected = bits(finish(&config, straight.path()).session().engine.parameters());
    // The whole run folder, and each of those in it; gone, or with a file in its place.
    for (part, in_the_way) in [("", false), ("checkpoints", true), ("samples", true), ("tensorboard", true)] {
        let place = tempfile::tempdir().unwrap();
        let run = place.path().join("run");
        let (trainer, warnings) = disturbed(&config, &run, move |step, run| {
            let folder = if part.is_empty() { run.to_owned() } else { run.join(part) };
            match step {
                3 if part == "samples" => fs::write(&folder, "no folder").unwrap(),
                3 => {
                    unplug(&folder);
                    if in_the_way {
                        fs::write(&folder, "no folder").unwrap();
                    }
                }
                7 => {
                    if in_the_way {
                        fs::remove_file(&folder).unwrap();
                    }
                    if part != "samples" {
                        plug(&folder);
                    }
                }
                _ => {}
            }
        });
        assert!(warnings.iter().any(|warning| warning.contains("TRAINING GOES ON")), "{part}: {warnings:?}");
        assert!(warnings.iter().any(|warning| warning.contains("can be written again")), "{part}: {warnings:?}");
        assert!(bits(trainer.session().engine.parameters()) == expected, "{part}");
        drop(trainer);
        assert_eq!(records_of(&run), records_of(straight.path()), "{part}");
        let picture = |run: &Path| fs::read(run.join("samples/000000004.png")).unwrap();
        assert!(picture(&run) == picture(straight.path()), "{part}");
        assert_eq!(open(&config, &run).unwrap().session().step, 8, "{part}");
    }
}

#[test]
fn a_folder_that_was_emptied_under_the_run_is_one_that_can_be_resumed_again() {
    let folder = data();
    let config = joint(folder.path(), &["train.iterations=8"]);
    let run = tempfile::tempdir().unwrap();
    let (trainer, warnings) = disturbed(&config, run.path(), |step, run| {
        if step == 3 {
            fs::remove_dir_all(run).unwrap();
            fs::create_dir(run).unwrap();
        }
    });
    assert!(warnings.iter().any(|warning| warning.contains("had been emptied")), "{warnings:?}");
    drop(trainer);
    assert_eq!(open(&config, run.path()).unwrap().session().step, 8);
    let steps: Vec<u64> = records_of(run.path()).iter().map(|record| record.step).collect();
    assert_eq!(steps, [4, 5, 6, 7, 8, 8], "those from then on, the last with the accuracy");
}

#[test]
fn a_checkpoint_that_cannot_be_written_in_the_end_is_an_error_and_loses_nothing_before_it() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    let (run, straight) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut trainer = open(&config, run.path()).unwrap().with_patience(Duration::ZERO);
    trainer.add_hook(Box::new(Disturb(|step, run: &Path| {
        if step == 3 {
            unplug(&run.join("checkpoints"));
            fs::write(run.join("checkpoints"), "no folder").unwrap();
        }
    })));
    let message = trainer.run(&StopFlag::new()).unwrap_err().to_string();
    assert!(message.contains(&run.path().join("checkpoints").display().to_string()), "{message}");
    assert_eq!(trainer.session().step, 6, "it trained to the end all the same");
    drop(trainer);

    fs::remove_file(run.path().join("checkpoints")).unwrap();
    plug(&run.path().join("checkpoints"));
    let again = open(&config, run.path()).unwrap();
    assert_eq!((again.session().step, again.session().warnings.len()), (2, 0));
    drop(again);
    let resumed = bits(finish(&config, run.path()).session().engine.parameters());
    assert!(resumed == bits(finish(&config, straight.path()).session().engine.parameters()));
    assert_eq!(records_of(run.path()), records_of(straight.path()));
}
