//! Asked to stop in the middle of something: within a step, an evaluation, the drawing of samples.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lzn_tasks::TaskError;
use lzn_tasks::objective::{Loss, Objective, StepContext};
use lzn_tasks::run::StopFlag;
use lzn_tasks::train::{Outcome, Recipe, Term, Trainer};
use lzn_tasks::{Lzn, PartName};
use tch::{Device, Tensor};

use crate::support::{bits, data, finish, joint, open, records_of, state_of, weights_of};

/// Asks to stop when it is asked for the loss of one step; it adds nothing to it.
struct StopWithin {
    step: u64,
    taken: Arc<AtomicU64>,
    stop: StopFlag,
}

impl Objective for StopWithin {
    fn name(&self) -> String {
        "stop".to_owned()
    }

    fn loss(&self, _: &Lzn, _: &StepContext) -> Result<Loss, TaskError> {
        if self.taken.load(Ordering::Relaxed) == self.step {
            self.stop.request();
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        Ok(Loss { value: Tensor::from(0f32), observed: Vec::new() })
    }
}

fn latest(run: &Path) -> String {
    let entries = fs::read_dir(run.join("checkpoints")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).max().unwrap()
}

#[test]
fn a_step_in_pieces_is_given_up_between_two_of_them_and_taken_again() {
    let folder = data();
    // Stopped before the first and before the second term of the loss; both run in pieces of two images.
    for place in [0, 1, 2] {
        let config = joint(folder.path(), &["train.micro_batch=2", "train.iterations=5", "train.checkpoint_every=100"]);
        let (run, straight) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let whole = finish(&config, straight.path());
        let stop = StopFlag::new();
        let mut recipe = Recipe::of(config.clone(), Device::Cpu).unwrap();
        let term = StopWithin { step: 3, taken: Arc::default(), stop: stop.clone() };
        recipe.objectives.insert(place, Term::new(1.0, term));
        let mut trainer = Trainer::with(recipe, run.path()).unwrap();
        assert_eq!(trainer.run(&stop).unwrap(), Outcome::Interrupted);
        assert_eq!((trainer.session().step, latest(run.path()).as_str()), (3, "000000003"), "place {place}");
        drop(trainer);
        let resumed = finish(&config, run.path());
        for part in [PartName::ENCODER, PartName::DECODER, PartName::LABELS] {
            let state = |trainer: &Trainer| state_of(&trainer.session().engine, part.clone());
            assert!(state(&resumed) == state(&whole), "place {place}, {part}");
        }
    }
}

/// Stops when the record of a value appears, which is in the middle of an evaluation.
fn stop_when(
    run: &Path,
    what: impl Fn(&Path) -> bool + Send + 'static,
    stop: &StopFlag,
) -> std::thread::JoinHandle<()> {
    let (run, stop) = (run.to_owned(), stop.clone());
    std::thread::spawn(move || {
        for _ in 0..60_000 {
            if what(&run) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        stop.request();
    })
}

#[test]
fn an_evaluation_that_was_interrupted_is_made_up_for_when_the_run_goes_on() {
    let folder = data();
    // So many samples, by so many steps, take minutes; the run without interruption draws few.
    let short = joint(folder.path(), &["evaluate.every=2", "train.iterations=3"]);
    let long = joint(folder.path(), &["evaluate.every=2", "train.iterations=3", "evaluate.sampler_steps=100000"]);
    let (run, straight) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(finish(&short, straight.path()));
    let stop = StopFlag::new();
    let mut trainer = open(&long, run.path()).unwrap();
    // The accuracy is on record: samples are being drawn.
    let measured =
        |run: &Path| fs::read_to_string(run.join("metrics.jsonl")).is_ok_and(|text| text.contains("accuracy\""));
    let measured =
        move |run: &Path| measured(run) && records_of(run).iter().any(|r| r.values.contains_key("test/accuracy"));
    let watcher = stop_when(run.path(), measured, &stop);
    let begin = std::time::Instant::now();
    assert_eq!(trainer.run(&stop).unwrap(), Outcome::Interrupted);
    watcher.join().unwrap();
    assert_eq!((trainer.session().step, latest(run.path()).as_str()), (2, "000000002"));
    assert!(!run.path().join("samples/000000002.png").exists(), "after {:?}", begin.elapsed());
    drop(trainer);
    let resumed = finish(&short, run.path());
    let expected = open(&short, straight.path()).unwrap();
    assert!(bits(resumed.session().engine.parameters()) == bits(expected.session().engine.parameters()));
    drop(resumed);
    assert_eq!(records_of(run.path()), records_of(straight.path()), "one accuracy, and no more");
    assert!(weights_of(run.path()) == weights_of(straight.path()));
    let picture = |run: &Path| fs::read(run.join("samples/000000002.png")).unwrap();
    assert!(picture(run.path()) == picture(straight.path()));
}

#[test]
fn results_that_were_interrupted_leave_a_finished_run_that_gets_them_on_resuming() {
    let folder = data();
    let config = joint(folder.path(), &["train.iterations=2"]);
    let long = joint(folder.path(), &["train.iterations=2", "evaluate.sampler_steps=100000"]);
    let run = tempfile::tempdir().unwrap();
    let stop = StopFlag::new();
    let mut trainer = open(&long, run.path()).unwrap();
    let watcher = stop_when(run.path(), |run| run.join("checkpoints/000000002").exists(), &stop);
    assert_eq!(trainer.run(&stop).unwrap(), Outcome::Interrupted);
    watcher.join().unwrap();
    drop(trainer);
    assert!(!run.path().join("samples.png").exists());
    drop(finish(&config, run.path()));
    assert!(run.path().join("samples.png").exists() && run.path().join("weights.safetensors").exists());
}
