//! What each objective teaches, and that one loop runs every list of them.

use std::path::Path;

use lzn_eval::Metric;
use lzn_tasks::config::RunConfig;
use lzn_tasks::evaluate::{self, ClassWeights, ClassifyOptions};
use lzn_tasks::task::{Task, TaskOptions};
use lzn_tasks::types::Samples;
use lzn_tasks::{IMAGE, LABEL, PartName, Weights};
use tch::{Device, Kind, Tensor};

use crate::support::{
    PARTS, batch, classifier, data, engine, finish, joint, moment_norm, plain, records_of, samples, step,
    unconditional, value,
};

#[test]
fn rectified_flow_teaches_decoder_and_encoder_and_alignment_encoder_and_labels() {
    let folder = data();
    for (silent, reached) in
        [("objective.1.weight=0.0", [true, true, false]), ("objective.0.weight=0.0", [true, false, true])]
    {
        let mut engine = engine(&joint(folder.path(), &[silent]));
        step(&mut engine, 0, &batch(0));
        let got = PARTS.map(|part| moment_norm(&engine, part) > 0.0);
        assert_eq!(got, reached, "encoder, decoder, labels with {silent}");
    }
}

#[test]
fn the_loss_is_the_weighted_sum_of_the_objectives() {
    let folder = data();
    let mut engine = engine(&joint(folder.path(), &["objective.0.weight=0.5", "objective.1.weight=3.0"]));
    let report = step(&mut engine, 0, &batch(0));
    let [loss, flow, align] = ["loss", "rectified_flow", "align/image-label"].map(|name| value(&report, name).unwrap());
    assert!((loss - (0.5 * flow + 3.0 * align)).abs() < 1e-5, "{loss} {flow} {align}");
    assert!((-1.0..0.0).contains(&align), "minus a probability: {align}");
}

#[test]
fn both_forms_of_the_alignment_loss_agree_on_certainty_and_differ_elsewhere() {
    let folder = data();
    let align = |set: &str| {
        value(&step(&mut engine(&joint(folder.path(), &[set])), 0, &batch(0)), "align/image-label").unwrap()
    };
    let (probability, log) = (align("objective.1.form=\"probability\""), align("objective.1.form=\"log\""));
    // Jensen: the mean of -log p is at least -log of the mean of p.
    assert!(log > -(-probability).ln(), "{log} against {probability}");
}

#[test]
fn repeated_steps_on_one_batch_lower_both_losses() {
    let folder = data();
    let sets = ["model.encoder.ncsnpp.dropout=0.0", "model.decoder.dropout=0.0"];
    let mut engine = engine(&joint(folder.path(), &sets));
    let reports: Vec<_> = (0..60).map(|number| step(&mut engine, number, &batch(0))).collect();
    for name in ["rectified_flow", "align/image-label"] {
        let (first, last) = (value(&reports[0], name).unwrap(), value(&reports[59], name).unwrap());
        assert!(last < first - 0.05, "{name}: from {first} to {last}");
    }
}

#[test]
fn supervised_learning_tells_dark_from_light_by_a_linear_classifier() {
    let folder = data();
    let config = classifier(folder.path(), &["train.iterations=60", "model.encoder.ncsnpp.dropout=0.0"]);
    let run = tempfile::tempdir().unwrap();
    finish(&config, run.path());
    let weights = Weights::load(&run.path().join("weights.safetensors"), Device::Cpu).unwrap();
    let test = lzn_tasks::data::open_test(&config.data).unwrap().unwrap();
    let options =
        ClassifyOptions { images: 8, batch_size: 3, noise_scale: 1.0, class_weights: ClassWeights::Training, seed: 0 };
    let matrix = evaluate::classify(&weights.model, test.as_ref(), options).unwrap().finish().unwrap();
    assert_eq!(matrix.accuracy(), 1.0);
    // The task decides as the measurement does.
    let (images, labels) = lzn_tasks::data::read(test.as_ref(), &[0, 7], Device::Cpu).unwrap();
    let options = task_options();
    let decided = weights.model.run(&Task::from_to(IMAGE, LABEL), &[(&images).into()], &options).unwrap();
    assert_eq!(decided, Samples::from(labels.as_slice()));
    let shares = weights.model.label_shares(&images, 2, &options).unwrap();
    assert_eq!(Vec::<i64>::try_from(shares.argmax(1, false)).unwrap(), labels);
    assert!((shares.sum(Kind::Double).double_value(&[]) - 2.0).abs() < 1e-6);
}

#[test]
fn normalised_anchors_have_the_norm_of_a_draw_of_the_prior_and_the_scale_of_the_encoder_no_say() {
    let folder = data();
    let config = joint(folder.path(), &["model.normalise_anchors=true"]);
    let model = engine(&config).model;
    let (images, _) = samples(0);
    let before = model.image_anchors(&images, false).unwrap();
    for anchors in [&before, &model.label_anchors().unwrap()] {
        let norms = anchors.square().sum_dim_intlist(1, false, Kind::Double);
        assert!((norms - 6.0).abs().max().double_value(&[]) < 1e-5);
    }
    let (_, labels) = model.parts().pop().unwrap();
    tch::no_grad(|| labels.named().iter().for_each(|(_, table)| _ = table.shallow_clone().g_mul_scalar_(7.0)));
    let apart = model.label_anchors().unwrap() - engine(&config).model.label_anchors().unwrap();
    assert!(apart.abs().max().double_value(&[]) < 1e-5);
}

fn task_options() -> TaskOptions {
    TaskOptions { batch_size: 4, ..TaskOptions::default() }
}

#[test]
fn a_classifier_and_an_alignment_need_different_decisions() {
    let folder = data();
    let message = |text: &str| RunConfig::parse(text, Path::new("test.toml"), &[]).unwrap_err().to_string();
    let linear = classifier(folder.path(), &[]).to_toml();
    let without = message(&linear.replace("decision = \"linear\"", ""));
    assert!(without.contains("objective[0].kind") && without.contains("decision"), "{without}");
    let aligned = message(
        &joint(folder.path(), &[]).to_toml().replace("[model.labels]", "[model.labels]\ndecision = \"linear\""),
    );
    assert!(aligned.contains("remove `decision`"), "{aligned}");
}

/// Trains a configuration to the end and loads what it left.
fn trained(config: &RunConfig, losses: &[&str]) -> Weights {
    let run = tempfile::tempdir().unwrap();
    finish(config, run.path());
    let records = records_of(run.path());
    assert_eq!(records.last().unwrap().step, 6);
    for name in losses {
        assert!(records[0].values[&format!("train/{name}")].is_some_and(f64::is_finite), "{name}");
    }
    for file in ["config.toml", "metrics.csv", "samples.png", "curves.png"] {
        assert!(run.path().join(file).is_file(), "{file}");
    }
    Weights::load(&run.path().join("weights.safetensors"), Device::Cpu).unwrap()
}

#[test]
fn one_loop_trains_the_joint_model_the_unconditional_one_and_the_plain_rectified_flow() {
    let folder = data();
    let parts = |weights: &Weights| weights.model.parts().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let joint = trained(&joint(folder.path(), &[]), &["loss", "rectified_flow", "align/image-label", "accuracy/batch"]);
    assert_eq!(parts(&joint), [PartName::ENCODER, PartName::DECODER, PartName::LABELS]);
    let images = folder.path().join("train/dark");
    // Data without classes serves both that need no labels.
    let unconditional = trained(&unconditional(&images), &["loss", "rectified_flow"]);
    assert_eq!(parts(&unconditional), [PartName::ENCODER, PartName::DECODER]);
    assert!(unconditional.model.bank().is_some());
    let plain = trained(&plain(&images), &["loss", "rectified_flow"]);
    assert_eq!(parts(&plain), [PartName::DECODER]);
    assert!(plain.model.bank().is_none());
}

#[test]
fn the_averages_are_what_a_finished_run_leaves() {
    let folder = data();
    let run = tempfile::tempdir().unwrap();
    let trainer = finish(&joint(folder.path(), &[]), run.path());
    let weights = Weights::load(&run.path().join("weights.safetensors"), Device::Cpu).unwrap();
    let left: Vec<Tensor> = weights.model.parts().into_iter().flat_map(|(_, p)| p.named()).map(|(_, t)| t).collect();
    for ((name, average), left) in trainer.session().engine.averages().iter().zip(&left) {
        assert!(average.equal(left), "{name}");
    }
    let image = Tensor::zeros([1, 1, 8, 8], (Kind::Float, Device::Cpu));
    assert!(weights.model.image_anchors(&image, false).is_ok());
}
