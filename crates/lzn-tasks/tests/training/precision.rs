//! Training in less than float32: what is of which kind, how far losses move, the scale of the loss, resuming.

use lzn_tasks::PartName;
use lzn_tasks::train::Scaler;
use tch::Kind;

use crate::support::{
    PARTS, batch, bits, data, engine, finish, joint, records_of, state_of, step, stop_at, value, weights_of,
};

#[test]
fn losses_in_bfloat16_are_those_of_float32_within_the_digits_of_its_products() {
    let folder = data();
    let reports = ["float32", "bfloat16"].map(|precision| {
        let set = format!("train.precision=\"{precision}\"");
        step(&mut engine(&joint(folder.path(), &[&set])), 0, &batch(0))
    });
    let loss = reports.each_ref().map(|report| value(report, "rectified_flow").unwrap());
    assert_ne!(loss[0], loss[1], "the networks did compute in another precision");
    // A product rounds two arguments and its result to 8 significant bits, each by at most 2^-9. No input passes more than 24 products on its
    // way through this network (stem, two resolutions of blocks of two convolutions with embeddings and shortcuts, output), whose errors add up.
    let velocity_error = 24.0 * 3.0 * 2f64.powi(-9);
    // Of the mean of (v - u)^2 with |v| <= |v - u| + |u|, and |u| <= sqrt(2) in the mean, of images within [-1, 1] and noise of variance 1.
    let root = loss[0].sqrt();
    let moved = velocity_error * (root + 2f64.sqrt());
    let bound = 2.0 * root * moved + moved * moved;
    assert!((loss[0] - loss[1]).abs() <= bound, "{loss:?}, bound {bound}");
}

#[test]
fn parameters_gradients_anchors_and_latents_are_float32_in_every_precision() {
    let folder = data();
    for sets in [&["train.precision=\"bfloat16\""][..], &["train.precision=\"bfloat16\"", "train.micro_batch=2"]] {
        let mut engine = engine(&joint(folder.path(), sets));
        let context = batch(0);
        assert!(!step(&mut engine, 0, &context).skipped);
        for (part, params) in engine.model.parts() {
            for (name, parameter) in params.trainable() {
                assert_eq!((parameter.kind(), parameter.grad().kind()), (Kind::Float, Kind::Float), "{part}.{name}");
            }
        }
        let anchors = &context.placed(&engine.model, "image").unwrap().anchors;
        let latents = context.latents(&engine.model, "image").unwrap();
        assert_eq!((anchors.kind(), latents.kind()), (Kind::Float, Kind::Float));
        let used = engine.model.image_anchors(batch(1).field("image").unwrap().samples().rows().unwrap(), false);
        let exact = lzn_torch::Precision::Float32;
        engine.model.precision = exact;
        let plain = engine.model.image_anchors(batch(1).field("image").unwrap().samples().rows().unwrap(), false);
        let named = |anchors: tch::Tensor| bits(vec![("anchors".to_owned(), anchors)]);
        assert!(named(used.unwrap()) == named(plain.unwrap()), "use of a model is float32");
    }
}

#[test]
fn a_scale_of_the_loss_changes_no_bit_of_what_is_learned() {
    let folder = data();
    for sets in [&[][..], &["train.micro_batch=2"]] {
        let config = joint(folder.path(), sets);
        let (mut plain, mut scaled) = (engine(&config), engine(&config));
        scaled.scaler = Some(Scaler::default());
        for number in 0..3 {
            let reports = [step(&mut plain, number, &batch(number)), step(&mut scaled, number, &batch(number))];
            assert_eq!(value(&reports[1], "loss_scale"), Some(Scaler::INITIAL));
            assert_eq!(value(&reports[0], "loss"), value(&reports[1], "loss"));
            let norms = reports.map(|report| value(&report, "grad_norm").unwrap());
            assert!((norms[0] / norms[1] - 1.0).abs() < 1e-12, "{norms:?}");
        }
        for part in PARTS {
            assert!(state_of(&plain, part.clone()) == state_of(&scaled, part.clone()), "{sets:?}: {part}");
        }
    }
}

#[test]
fn gradients_beyond_float16_skip_the_step_and_halve_the_scale_until_they_fit() {
    let folder = data();
    // So heavy a loss that its gradients do not fit into float16 at the first scales.
    let sets = ["train.precision=\"float16\"", "objective.0.weight=1e3", "train.iterations=16"];
    let config = joint(folder.path(), &sets);
    let (run, straight) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = finish(&config, straight.path());
    let records = records_of(straight.path());
    let of = |name: &str| records.iter().filter_map(|record| *record.values.get(name)?).collect::<Vec<f64>>();
    let (scales, skipped) = (of("train/loss_scale"), of("train/skipped"));
    assert_eq!((scales.len(), scales[0]), (16, Scaler::INITIAL));
    assert!(skipped[0] == 1.0 && skipped[15] < 16.0, "some did not fit, and some did: {skipped:?}");
    for i in 1..16 {
        let halved = if skipped[i - 1] > i.checked_sub(2).map_or(0.0, |before| skipped[before]) { 0.5 } else { 1.0 };
        assert_eq!(scales[i], scales[i - 1] * halved, "step {i}");
    }
    // Among the skipped ones, and later.
    drop(stop_at(&config, run.path(), 2));
    drop(stop_at(&config, run.path(), 9));
    let resumed = finish(&config, run.path());
    assert_eq!(resumed.session().engine.scaler, whole.session().engine.scaler);
    assert_eq!(records_of(run.path()), records);
    assert!(weights_of(run.path()) == weights_of(straight.path()));
}

#[test]
fn a_run_in_bfloat16_goes_on_to_the_bit() {
    let folder = data();
    let config = joint(folder.path(), &["train.precision=\"bfloat16\"", "train.micro_batch=4"]);
    let (run, straight) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = finish(&config, straight.path());
    drop(stop_at(&config, run.path(), 3));
    let resumed = finish(&config, run.path());
    for part in [PartName::ENCODER, PartName::DECODER, PartName::LABELS] {
        assert!(
            state_of(&resumed.session().engine, part.clone()) == state_of(&whole.session().engine, part.clone()),
            "{part}"
        );
    }
    assert_eq!(records_of(run.path()), records_of(straight.path()));
}
