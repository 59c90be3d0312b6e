//! The evaluation of a small model: every group, pieces that are kept, and the page that it leaves.

use std::cell::RefCell;
use std::path::Path;

use lzn_eval::Metric;
use lzn_flow::Sampler;
use lzn_tasks::Weights;
use lzn_tasks::config::{MetricGroup, MetricsConfig, RunConfig};
use lzn_tasks::evaluate::{
    self, ClassWeights, ClassifyOptions, Encoded, EvaluateOptions, GenerateOptions, NamedSampler, Parts, Progress,
    ReportOf, Silent,
};
use tch::Device;

use crate::support::{contents, data, evaluation, finish, joint, plain};

/// Remembers the stages.
#[derive(Default)]
struct Stages(RefCell<Vec<String>>);

impl Progress for Stages {
    fn begin(&self, stage: &str, _: usize) {
        self.0.borrow_mut().push(stage.to_owned());
    }

    fn advance(&self, _: usize) {}
}

fn options(place: &Path, samplers: &[&str]) -> EvaluateOptions {
    let metrics = MetricsConfig {
        groups: MetricGroup::ALL.to_vec(),
        samplers: samplers.iter().map(|name| (*name).to_owned()).collect(),
        generated: 12,
        reconstructions: 5,
        draws: 3,
        ..MetricsConfig::default()
    };
    evaluation(metrics, place)
}

fn trained(config: &RunConfig, run: &Path) -> Weights {
    finish(config, run);
    Weights::open(run, false, Device::Cpu).unwrap()
}

#[test]
fn every_group_is_measured_and_a_second_evaluation_draws_and_trains_nothing() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let run = place.path().join("run");
    let weights = trained(&joint(folder.path(), &[]), &run);
    let options = options(place.path(), &["euler-2", "heun-1"]);
    let first = evaluate::evaluate(&weights, &options, &Silent).unwrap();
    let titles: Vec<&str> = first.groups.iter().map(|group| group.title.as_str()).collect();
    let expected = [
        "Classification",
        "Reconstruction",
        "Generation with euler-2",
        "Generation with heun-1",
        "For comparison: real test images",
        "Representation",
    ];
    assert_eq!(titles, expected);
    for measure in first.groups.iter().flat_map(|group| &group.measures) {
        assert!(measure.value.is_finite(), "{measure:?}");
        assert!(!measure.protocol.is_empty() && measure.real.or(measure.generated).is_some(), "{measure:?}");
        assert!(!measure.name.starts_with("FID"), "a network of our own is no FID: {measure:?}");
    }
    assert!(first.sweep.len() >= 14 && first.sweep.iter().all(|point| (0.0..=1.0).contains(&point.accuracy)));

    let kept = contents(place.path());
    let stages = Stages::default();
    let second = evaluate::evaluate(&weights, &options, &stages).unwrap();
    assert_eq!(second.groups, first.groups);
    assert_eq!(second.sweep, first.sweep);
    assert_eq!(contents(place.path()), kept, "nothing is made twice");
    let slow = ["training the LeNet", "calibration", "probes", "features of training"];
    let again: Vec<String> = stages.0.into_inner();
    assert!(again.iter().all(|stage| slow.iter().all(|slow| !stage.starts_with(slow))), "{again:?}");

    // Of an interrupted evaluation single draws and points are left, and the others alone are made.
    let interrupted = ["reconstruction-euler-2/001", "accuracy-sweep/"];
    let lost: Vec<_> = kept.keys().filter(|path| interrupted.iter().any(|part| path.contains(part))).collect();
    assert!(lost.len() >= 15, "{lost:?}");
    lost.iter().for_each(|path| std::fs::remove_file(place.path().join(path)).unwrap());
    assert_eq!(evaluate::evaluate(&weights, &options, &Silent).unwrap().groups, first.groups);
    assert_eq!(contents(place.path()), kept, "the same as before");

    let report = evaluate::report(&ReportOf {
        name: "run",
        run: Some(&run),
        weights: &weights,
        options: &options,
        found: &second,
    });
    let html = report.unwrap().to_html().unwrap();
    for part in ["Samples", "Reconstructions", "Interpolations", "Nearest training images", "Latents and zones"] {
        assert!(html.contains(part), "{part}");
    }
    for part in [
        "Confusion of classes",
        "Reliability",
        "calibration error",
        "Losses and accuracy",
        "FD-LeNet128",
        "config.toml",
        "linear probe",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn a_single_image_is_measured_and_reported() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let weights = trained(&joint(folder.path(), &[]), &place.path().join("run"));
    let mut options = options(place.path(), &["euler-1"]);
    options.images = 1;
    options.metrics.reconstructions = 1;
    options.metrics.groups.retain(|group| matches!(group, MetricGroup::AccuracySweep | MetricGroup::Reconstruction));
    let found = evaluate::evaluate(&weights, &options, &Silent).unwrap();
    let l2 = &found.groups[1].measures[0];
    assert!(l2.name.contains("L2") && l2.spread.is_none() && l2.real == Some(1), "one image has no spread: {l2:?}");
    let of = ReportOf { name: "run", run: None, weights: &weights, options: &options, found: &found };
    let html = evaluate::report(&of).unwrap().to_html().unwrap();
    assert!(html.contains("Reconstructions") && !html.contains("Latents and zones"));
}

#[test]
fn probabilities_are_shares_of_the_latents_of_a_zone() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let weights = trained(&joint(folder.path(), &[]), &place.path().join("run"));
    let test = lzn_tasks::data::open_test(&weights.config.data).unwrap().unwrap();
    let encoded = Encoded::of(&weights.model, test.as_ref(), usize::MAX, &Silent).unwrap();
    let options = ClassifyOptions {
        images: usize::MAX,
        batch_size: 3,
        noise_scale: 0.0,
        class_weights: ClassWeights::Training,
        seed: 1,
    };
    let shares = |noise_scale, draws| {
        encoded.probabilities(&weights.model, ClassifyOptions { noise_scale, ..options }, draws).unwrap()
    };
    for (noise_scale, draws) in [(0.0, 1), (1.0, 4)] {
        let found = shares(noise_scale, draws);
        assert_eq!(found.dim(), (encoded.labels.len(), weights.model.classes()));
        assert!(found.iter().all(|share| (share * draws as f32).fract() == 0.0));
        assert!(found.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-6));
    }
    // Without noise all draws agree, and say what classification says.
    let accuracy = encoded.classify(&weights.model, options).unwrap().finish().unwrap().accuracy();
    let centre = shares(0.0, 1);
    let right = centre.rows().into_iter().zip(&encoded.labels).filter(|(row, label)| row[**label as usize] == 1.0);
    assert_eq!(right.count() as f64 / encoded.labels.len() as f64, accuracy);
    assert!(shares(0.0, 3).iter().zip(&centre).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn pieces_of_other_weights_or_seeds_are_not_taken() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let weights = trained(&joint(folder.path(), &[]), &place.path().join("run"));
    let train = lzn_tasks::data::open_train(&weights.config.data).unwrap();
    let parts = Parts::new(Some(place.path().join("parts")));
    let draw = |seed, digest: &str, batch_size| {
        let sampler = NamedSampler(Sampler::Euler { steps: 2 });
        let options = GenerateOptions { count: 6, sampler, batch_size, seed };
        evaluate::generate(&weights.model, train.as_ref(), &options, digest, &parts, &Silent).unwrap()
    };
    let first = draw(0, "a", 6);
    assert_eq!(draw(0, "a", 1).images, first.images, "kept");
    assert_eq!(draw(0, "b", 4).images, first.images, "drawn anew, in another cut");
    assert_ne!(draw(1, "a", 6).images, first.images);
    let labels = first.labels.unwrap();
    assert_eq!(labels.iter().collect::<std::collections::BTreeSet<_>>().len(), 2, "both classes: {labels:?}");
    assert_eq!(contents(&place.path().join("parts")).len(), 3);
}

#[test]
fn a_model_without_latents_is_measured_as_far_as_it_goes() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let weights = trained(&plain(folder.path()), &place.path().join("run"));
    let found = evaluate::evaluate(&weights, &options(place.path(), &["euler-2"]), &Silent).unwrap();
    let titles: Vec<&str> = found.groups.iter().map(|group| group.title.as_str()).collect();
    assert_eq!(titles, ["Reconstruction", "Generation with euler-2", "For comparison: real test images"]);
    assert!(found.confusion.is_none() && found.encoded.is_none());
    assert_eq!(found.reconstructions.unwrap().draws, 1, "there is nothing to draw");
}

#[test]
fn samplers_have_names_that_read_back() {
    for name in ["euler-10", "heun-20", "rk45", "rk45-1e-3"] {
        let sampler: NamedSampler = name.parse().unwrap();
        assert_eq!(sampler.name(), name);
    }
    for name in ["euler", "euler-0", "heun-x", "rk45-nan", "rk45--1", "dopri", ""] {
        let message = name.parse::<NamedSampler>().unwrap_err();
        assert!(message.contains("rk45-TOLERANCE"), "{message}");
    }
}
