//! Probes of representations: what is measured, by which images, along the way and afterwards.

use std::cell::RefCell;
use std::path::Path;

use lzn_tasks::Weights;
use lzn_tasks::config::{MetricGroup, RunConfig};
use lzn_tasks::evaluate::{Encoded, EvaluateOptions, Measure, Progress, Silent, evaluate, probe_features};
use lzn_tasks::run::records;
use tch::Device;

use crate::support::{data, evaluation, finish, views, with};

/// Remembers how many images were encoded.
#[derive(Default)]
struct Encodings(RefCell<Vec<usize>>);

impl Progress for Encodings {
    fn begin(&self, stage: &str, total: usize) {
        if stage == "encoding images" {
            self.0.borrow_mut().push(total);
        }
    }

    fn advance(&self, _: usize) {}
}

fn options(config: &RunConfig, place: &Path) -> EvaluateOptions {
    let mut metrics = config.evaluate.metrics.clone();
    metrics.groups = vec![MetricGroup::Representation];
    evaluation(metrics, place)
}

/// Dark and light: any encoder sees that, without having learned anything.
const SHORT: [&str; 2] = ["train.iterations=2", "evaluate.metrics.probe.learning_rate=0.05"];

#[test]
fn all_four_representations_are_probed_on_features_that_are_computed_once() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let config = with(&views(folder.path()), &SHORT);
    let run = place.path().join("run");
    finish(&config, &run);
    let weights = Weights::open(&run, false, Device::Cpu).unwrap();
    let encodings = Encodings::default();
    let options = options(&config, place.path());
    let found = evaluate(&weights, &options, &encodings).unwrap();
    let measures: &Vec<Measure> = &found.groups[0].measures;
    let names: Vec<&str> = measures.iter().map(|measure| measure.name.as_str()).collect();
    let expected = ["features", "head", "latents", "latents at zero noise"]
        .map(|what| [format!("linear probe, {what}"), format!("kNN probe, {what}")])
        .concat();
    assert_eq!(names, expected);
    // Eight test images, 24 training images, each encoded once for all eight numbers.
    assert_eq!(encodings.0.into_inner(), [8, 24]);
    for measure in &measures[..4] {
        assert!(measure.value >= 0.75, "{measure:?}");
    }
    assert!(measures[0].protocol.contains("fitted on 24") && measures[0].real == Some(8), "{:?}", measures[0]);

    let again = Encodings::default();
    assert_eq!(evaluate(&weights, &options, &again).unwrap().groups, found.groups);
    assert_eq!(again.0.into_inner(), [8], "the training images are not encoded again");
    let mut other = options.clone();
    other.metrics.probe.neighbours = 3;
    let other = evaluate(&weights, &other, &Silent).unwrap();
    assert!(other.groups[0].measures[1].protocol.contains("k = 3"), "other settings are another piece");
}

#[test]
fn what_is_held_out_of_the_training_images_judges_in_the_place_of_test_images() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let config = with(&views(folder.path()), &[SHORT[0], "evaluate.metrics.probe.held_out=0.25"]);
    let run = place.path().join("run");
    finish(&config, &run);
    let weights = Weights::open(&run, false, Device::Cpu).unwrap();
    let found = evaluate(&weights, &options(&config, place.path()), &Silent).unwrap();
    for measure in &found.groups[0].measures {
        assert_eq!(measure.real, Some(6), "{measure:?}");
        assert!(
            measure.protocol.contains("18") && measure.protocol.contains("held-out training images"),
            "{measure:?}"
        );
    }
    // Test images of wrong labels change nothing.
    let train = lzn_tasks::data::open_train(&config.data).unwrap();
    let encoded = Encoded::of(&weights.model, train.as_ref(), usize::MAX, &Silent).unwrap();
    let mut wrong = Encoded::of(&weights.model, train.as_ref(), 8, &Silent).unwrap();
    let settings = (&config.evaluate.metrics.probe, 4);
    let right = probe_features((&encoded, &wrong), 2, settings).unwrap();
    wrong.labels.iter_mut().for_each(|label| *label = 1 - *label);
    assert_eq!(probe_features((&encoded, &wrong), 2, settings).unwrap(), right);
}

#[test]
fn probes_along_the_way_are_recorded_and_change_nothing_of_the_training() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let silent = views(folder.path());
    let config = with(&silent, &["evaluate.probes=true", "evaluate.every=2", "evaluate.images=6"]);
    assert_eq!(config.identity(), silent.identity());
    let [one, other] = ["one", "other"].map(|run| place.path().join(run));
    finish(&config, &one);
    finish(&silent, &other);
    assert_eq!(crate::support::weights_of(&one).0, crate::support::weights_of(&other).0);
    for name in ["test/linear_probe", "test/knn_probe"] {
        let recorded: Vec<(u64, f64)> = records::read(&one)
            .unwrap()
            .iter()
            .filter_map(|record| record.values.get(name).copied()?.map(|value| (record.step, value)))
            .collect();
        assert_eq!(recorded.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [2, 4, 6], "{name}");
        assert!(recorded.iter().all(|(_, value)| (0.0..=1.0).contains(value)), "{recorded:?}");
        assert!(records::read(&other).unwrap().iter().all(|record| !record.values.contains_key(name)));
    }
    // A finished run that is resumed measures nothing anew.
    let before = records::read(&one).unwrap().len();
    finish(&config, &one);
    assert_eq!(records::read(&one).unwrap().len(), before);
}

#[test]
fn settings_of_probes_that_do_not_fit_are_refused_by_their_key() {
    let folder = data();
    let text = views(folder.path()).to_toml();
    for (set, expected) in [
        ("epochs=0", "`evaluate.metrics.probe.epochs` must be at least 1"),
        ("neighbours=0", "`evaluate.metrics.probe.neighbours` must be at least 1"),
        ("held_out=1.0", "`evaluate.metrics.probe.held_out` must lie in [0, 1)"),
        ("temperature=0.0", "`evaluate.metrics.probe.temperature` must be finite and positive"),
        ("schedule=\"linear\"", "unknown variant `linear`"),
    ] {
        let set = format!("evaluate.metrics.probe.{set}").parse().unwrap();
        let message = RunConfig::parse(&text, Path::new("test.toml"), &[set]).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}
