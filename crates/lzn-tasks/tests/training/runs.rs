//! Whole runs: stopping and going on, records, the folder.

use std::fs;

use lzn_tasks::run::{RunError, StopFlag};
use lzn_tasks::train::hooks::Hook;
use lzn_tasks::train::{Session, StepReport};
use lzn_tasks::{TaskError, Weights};

use crate::support::{PARTS, bits, data, finish, joint, open, records_of, state_of, stop_at, weights_of};

#[test]
fn a_run_stopped_twice_and_resumed_equals_one_that_was_never_stopped() {
    let folder = data();
    let config = joint(folder.path(), &["evaluate.every=3", "train.iterations=9"]);
    let (straight, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = finish(&config, straight.path());
    // Once at a step between two checkpoints, once at an evaluation.
    drop(stop_at(&config, broken.path(), 3));
    drop(stop_at(&config, broken.path(), 7));
    let parts = finish(&config, broken.path());
    assert_eq!(records_of(broken.path()), records_of(straight.path()));
    for part in PARTS {
        assert!(
            state_of(&parts.session().engine, part.clone()) == state_of(&whole.session().engine, part.clone()),
            "{part}"
        );
    }
    let left = |run: &tempfile::TempDir, file: &str| fs::read(run.path().join(file)).unwrap();
    assert!(weights_of(broken.path()) == weights_of(straight.path()));
    assert!(left(&broken, "samples.png") == left(&straight, "samples.png"));
    assert!(left(&broken, "samples/000000003.png") == left(&straight, "samples/000000003.png"));
}

#[test]
fn the_number_of_data_workers_changes_nothing() {
    let folder = data();
    let weights = ["train.workers=0", "train.workers=3"].map(|set| {
        let run = tempfile::tempdir().unwrap();
        bits(finish(&joint(folder.path(), &[set]), run.path()).session().engine.parameters())
    });
    assert!(weights[0] == weights[1]);
}

#[test]
fn resuming_a_finished_run_repeats_nothing() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    let run = tempfile::tempdir().unwrap();
    drop(finish(&config, run.path()));
    let file = |name: &str| fs::read(run.path().join(name)).unwrap();
    let names = ["metrics.jsonl", "metrics.csv", "samples.png"];
    let before = (names.map(file), weights_of(run.path()));
    for _ in 0..2 {
        let again = finish(&config, run.path());
        assert_eq!(again.session().step, 6);
        drop(again);
        assert!((names.map(file), weights_of(run.path())) == before);
    }
    let accuracies = records_of(run.path()).iter().filter(|record| record.values.contains_key("test/accuracy")).count();
    assert_eq!(accuracies, 1);
}

#[test]
fn a_finished_run_that_died_before_its_results_gets_them_on_resuming() {
    let folder = data();
    let config = joint(folder.path(), &[]);
    let run = tempfile::tempdir().unwrap();
    drop(finish(&config, run.path()));
    // As if the process had died right after the last checkpoint.
    let records = fs::read_to_string(run.path().join("metrics.jsonl")).unwrap();
    let lines: Vec<&str> = records.lines().filter(|line| !line.contains("test/accuracy")).collect();
    fs::write(run.path().join("metrics.jsonl"), lines.join("\n") + "\n").unwrap();
    fs::remove_file(run.path().join("weights.safetensors")).unwrap();
    drop(finish(&config, run.path()));
    assert!(run.path().join("weights.safetensors").is_file());
    assert!(fs::read_to_string(run.path().join("metrics.jsonl")).unwrap() == records);
}

#[test]
fn a_longer_run_goes_on_from_the_end_of_a_shorter_one() {
    let folder = data();
    let (extended, straight) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(finish(&joint(folder.path(), &["train.iterations=3"]), extended.path()));
    let long = joint(folder.path(), &["train.iterations=5"]);
    let (extended, straight) = (finish(&long, extended.path()), finish(&long, straight.path()));
    assert!(bits(extended.session().engine.averages()) == bits(straight.session().engine.averages()));
}

#[test]
fn a_run_that_was_made_longer_is_opened_at_its_newest_checkpoint() {
    let folder = data();
    let run = tempfile::tempdir().unwrap();
    drop(finish(&joint(folder.path(), &["train.iterations=2"]), run.path()));
    let of_file = || Weights::open(run.path(), false, tch::Device::Cpu).unwrap();
    assert_eq!(of_file().config.train.iterations, 2);
    let longer = joint(folder.path(), &["train.iterations=9"]);
    let stopped = stop_at(&longer, run.path(), 5);
    let expected = bits(stopped.session().engine.averages());
    drop(stopped);
    let opened = of_file();
    assert_eq!(opened.config.train.iterations, 9);
    let named = |part: (lzn_tasks::PartName, lzn_torch::ParamStore)| {
        let (part, params) = part;
        params.named().into_iter().map(move |(name, tensor)| (format!("{part}.{name}"), tensor)).collect::<Vec<_>>()
    };
    assert!(bits(opened.model.parts().into_iter().flat_map(named).collect()) == expected);
}

#[test]
fn a_folder_with_a_run_of_another_configuration_is_refused_with_the_remedy_and_left_alone() {
    let folder = data();
    let run = tempfile::tempdir().unwrap();
    drop(finish(&joint(folder.path(), &["train.iterations=1"]), run.path()));
    let before = crate::support::contents(run.path());
    let error = open(&joint(folder.path(), &["seed=4"]), run.path()).map(drop).unwrap_err();
    assert!(matches!(error, TaskError::Run(RunError::OtherRun { .. })), "{error}");
    let message = error.to_string();
    assert!(message.contains("lzn resume") && message.contains("choose a new folder"), "{message}");
    assert!(crate::support::contents(run.path()) == before);
}

#[test]
fn the_newest_checkpoints_are_kept_and_the_configuration_is_complete() {
    let folder = data();
    let run = tempfile::tempdir().unwrap();
    let config = joint(folder.path(), &["train.iterations=7", "train.keep_checkpoints=2"]);
    drop(finish(&config, run.path()));
    let mut kept: Vec<_> =
        fs::read_dir(run.path().join("checkpoints")).unwrap().map(|e| e.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["000000006", "000000007"]);
    let text = fs::read_to_string(run.path().join("config.toml")).unwrap();
    let read = lzn_tasks::config::RunConfig::parse(&text, &run.path().join("config.toml"), &[]).unwrap();
    assert_eq!(read, config);
}

/// Looks at the files as a crash right after each checkpoint would leave them.
struct Watch;

impl Hook for Watch {
    fn after_step(&mut self, session: &mut Session, _: &StepReport) -> Result<(), TaskError> {
        session.saver.finish()?;
        let folder = session.folder.path();
        let saved = folder.join(format!("checkpoints/{:09}/manifest.json", session.step)).is_file();
        assert_eq!(saved, session.step.is_multiple_of(2), "step {}", session.step);
        let records = records_of(folder);
        let steps: Vec<u64> = records.iter().filter(|r| r.values.contains_key("train/loss")).map(|r| r.step).collect();
        assert_eq!(steps, (1..=session.step).collect::<Vec<_>>());
        let measured = records.iter().any(|r| r.step == session.step && r.values.contains_key("test/accuracy"));
        assert_eq!(measured, session.step.is_multiple_of(4), "step {}", session.step);
        Ok(())
    }
}

#[test]
fn whatever_is_recorded_at_a_step_is_on_file_when_its_checkpoint_is() {
    let folder = data();
    let run = tempfile::tempdir().unwrap();
    let mut trainer = open(&joint(folder.path(), &["evaluate.every=4", "train.iterations=5"]), run.path()).unwrap();
    trainer.add_hook(Box::new(Watch));
    trainer.run(&StopFlag::new()).unwrap();
}

#[test]
fn checkpoints_that_are_kept_for_good_stay_beside_the_newest() {
    let folder = data();
    let run = tempfile::tempdir().unwrap();
    let sets = ["train.iterations=8", "train.checkpoint_every=4", "train.keep_checkpoints=1", "train.keep_every=3"];
    drop(finish(&joint(folder.path(), &sets), run.path()));
    let mut kept: Vec<_> =
        fs::read_dir(run.path().join("checkpoints")).unwrap().map(|e| e.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["000000003", "000000006", "000000008"]);
}

/// Changes all parameters while the checkpoint of step 3 is written.
struct Scramble;

impl Hook for Scramble {
    fn after_step(&mut self, session: &mut Session, _: &StepReport) -> Result<(), TaskError> {
        session.save();
        // The copy was made above: what the parameters become now must not show in it.
        let scramble = |(_, params): (lzn_tasks::PartName, lzn_torch::ParamStore)| {
            params.named().into_iter().for_each(|(_, mut parameter)| tch::no_grad(|| drop(parameter.fill_(7.0))));
        };
        if session.step == 3 {
            session.engine.model.parts().into_iter().for_each(scramble);
        }
        Ok(())
    }
}

#[test]
fn a_checkpoint_holds_the_state_of_its_step_whatever_becomes_of_it_while_it_is_written() {
    let folder = data();
    let (run, straight) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = joint(folder.path(), &["train.iterations=3", "train.checkpoint_every=100"]);
    let expected = bits(stop_at(&config, straight.path(), 3).session().engine.parameters());
    let mut trainer = open(&config, run.path()).unwrap();
    trainer.add_hook(Box::new(Scramble));
    trainer.run(&StopFlag::new()).unwrap();
    drop(trainer);
    assert!(bits(open(&config, run.path()).unwrap().session().engine.parameters()) == expected);
}

#[test]
fn skipped_steps_are_counted_and_the_count_survives_resuming() {
    let folder = data();
    let run = tempfile::tempdir().unwrap();
    // A learning rate that throws the parameters out of the range of float32 at the first step.
    let config = joint(folder.path(), &["train.decoder.learning_rate=1e38", "train.iterations=20"]);
    let first = stop_at(&config, run.path(), 4);
    assert_eq!(first.session().skipped, 3);
    let ruined = bits(first.session().engine.parameters());
    drop(first);
    let second = stop_at(&config, run.path(), 6);
    assert_eq!(second.session().skipped, 5);
    assert!(bits(second.session().engine.parameters()) == ruined, "skipped steps change nothing");
    let records = records_of(run.path());
    assert_eq!(
        records.iter().map(|r| r.values["train/skipped"].unwrap()).collect::<Vec<_>>(),
        [0., 1., 2., 3., 4., 5.]
    );
    assert_eq!(records[2].values["train/loss"], None, "not a number in JSON is null");
}
