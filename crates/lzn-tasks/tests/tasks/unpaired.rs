//! Batches in which some samples lack some types.

use lzn_tasks::config::LossForm;
use lzn_tasks::objective::{Align, Draws, Field, Reconstruct, StepContext};
use lzn_tasks::train::{StepEngine, StepReport, Term};
use lzn_tasks::types::Samples;
use lzn_tasks::{IMAGE, LABEL, Lzn};
use tch::{Device, Kind, Tensor};

use crate::support::{WORD, config, images, model, unconditional};

fn align(from: &str, to: &str, symmetric: bool) -> Term {
    let (from, to) = (from.to_owned(), to.to_owned());
    let observed = format!("accuracy/{from}-{to}");
    Term::new(
        1.0,
        Align {
            from,
            to,
            symmetric,
            noise_scale: 1.0,
            cut_off: 0.2,
            form: LossForm::Log,
            class_weights: true,
            observed,
        },
    )
}

fn flow() -> Term {
    Term::new(1.0, Reconstruct { of: IMAGE.to_owned(), name: "rectified_flow".to_owned() })
}

/// Six places: images at some of them, labels and words at others.
fn context(image: &[i64], label: &[i64], word: &[i64]) -> StepContext {
    let rows = |places: &[i64]| Tensor::from_slice(places);
    let labels = Tensor::from_slice(&[0_i64, 1, 1, 0, 1, 0]);
    let words = Samples::from(["red", "red", "blue", "dark", "light", "red"].as_slice());
    let fields = vec![
        Field::new(IMAGE, images(6).index_select(0, &rows(image))).at(image.to_vec()),
        Field::new(LABEL, labels.index_select(0, &rows(label))).at(label.to_vec()),
        Field::new(WORD, words.select(word)).at(word.to_vec()),
    ];
    StepContext::of(fields, Draws::of_step(3, 0, Device::Cpu))
}

/// What a step on these terms reports, and the gradients that it leaves.
fn step(terms: Vec<Term>, context: &StepContext) -> (StepReport, Vec<(String, Tensor)>) {
    step_of(unconditional(), terms, context)
}

fn step_of(model: Lzn, terms: Vec<Term>, context: &StepContext) -> (StepReport, Vec<(String, Tensor)>) {
    let mut engine = StepEngine::of(model, terms, &config(&[]).train);
    let report = engine.step(0, context).unwrap();
    let parts = engine.model.parts().into_iter();
    let named = parts.flat_map(|(part, params)| {
        params.trainable().into_iter().map(move |(name, tensor)| (format!("{part}.{name}"), tensor.grad()))
    });
    (report, named.collect())
}

fn all_terms() -> Vec<Term> {
    vec![flow(), align(IMAGE, LABEL, false), align(WORD, IMAGE, true), align(WORD, LABEL, true)]
}

fn norm(gradients: &[(String, Tensor)], part: &str) -> f64 {
    let mine = gradients.iter().filter(|(name, tensor)| name.starts_with(part) && tensor.defined());
    mine.map(|(_, tensor)| tensor.square().sum(Kind::Double).double_value(&[])).sum::<f64>().sqrt()
}

fn assert_equal(a: &[(String, Tensor)], b: &[(String, Tensor)]) {
    for ((name, a), (_, b)) in a.iter().zip(b) {
        assert_eq!(a.defined(), b.defined(), "{name}");
        assert!(!a.defined() || a.equal(b), "{name}");
    }
}

const ALL: [i64; 6] = [0, 1, 2, 3, 4, 5];

#[test]
fn a_batch_without_a_type_has_the_gradients_of_the_other_terms_alone() {
    let places: [([&[i64]; 3], Vec<Term>); 5] = [
        ([&ALL, &[], &[]], vec![flow()]),
        ([&ALL, &ALL, &[]], vec![flow(), align(IMAGE, LABEL, false)]),
        ([&ALL, &[], &ALL], vec![flow(), align(WORD, IMAGE, true)]),
        ([&[], &ALL, &ALL], vec![align(WORD, LABEL, true)]),
        ([&[0, 1], &[2, 3], &[4, 5]], vec![flow()]),
    ];
    for ([image, label, word], terms) in places {
        let context = || context(image, label, word);
        let (report, whole) = step(all_terms(), &context());
        let (alone, own) = step(terms, &context());
        assert!(!report.skipped && report.values == alone.values, "{:?} {:?}", report.values, alone.values);
        assert_equal(&whole, &own);
    }
}

#[test]
fn a_decoder_that_is_told_the_label_learns_from_images_that_have_one() {
    let values = |context: &StepContext| step_of(model(), vec![flow()], context).0.values;
    let learns =
        |values: &[(String, f64)]| values.iter().any(|(name, value)| name == "rectified_flow" && value.is_finite());
    let (none, some) = (values(&context(&ALL, &[], &ALL)), values(&context(&ALL, &[1, 4], &[])));
    assert!(!learns(&none) && learns(&some), "{none:?} {some:?}");
}

#[test]
fn every_type_trains_what_it_can() {
    // Images at four places, labels at three, words at three: pairs of every two of them.
    let (report, gradients) = step(all_terms(), &context(&[0, 1, 2, 3], &[0, 1, 4], &[1, 2, 4]));
    for name in ["rectified_flow", "align/image-label", "align/word-image", "align/word-label"] {
        let value = report.values.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        assert!(value.is_some_and(f64::is_finite), "{name}: {:?}", report.values);
    }
    for part in ["encoder", "decoder", "labels", "word"] {
        assert!(norm(&gradients, part) > 0.0, "{part}");
    }
}

#[test]
fn samples_without_the_target_leave_its_zones_alone() {
    // The word at place 2 has no image: its anchor cuts no zone, so it gets no gradient.
    let (_, gradients) = step(vec![align(IMAGE, WORD, false)], &context(&[0, 3, 4], &[], &[0, 2, 3, 4]));
    let (_, table) = gradients.iter().find(|(name, _)| name == "word.table").unwrap();
    let rows = table.square().sum_dim_intlist(1, false, Kind::Double);
    let moved: Vec<bool> = (0..5).map(|row| rows.double_value(&[row]) > 0.0).collect();
    // red, dark and light; neither green, which is not there, nor blue, which is alone.
    assert_eq!(moved, [true, false, false, true, true]);
}

#[test]
fn alignment_in_both_directions_is_the_mean_of_both() {
    let context = || context(&ALL, &ALL, &ALL);
    let value = |term: Term| step(vec![term], &context()).0.values[0].1;
    let (there, back) = (value(align(WORD, LABEL, false)), value(align(LABEL, WORD, false)));
    let both = value(align(WORD, LABEL, true));
    assert!((both - (there + back) / 2.0).abs() < 1e-5 && (there - back).abs() > 1e-3, "{there} {back} {both}");
}

#[test]
fn a_schedule_lets_a_term_begin_rise_and_end() {
    let schedule = lzn_tasks::config::Schedule { begin: 2, ramp: 3, end: Some(7) };
    let factors: Vec<f64> = (0..8).map(|step| schedule.factor(step)).collect();
    assert_eq!(factors, [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 0.0]);
    let mut engine = StepEngine::of(unconditional(), vec![Term { schedule, ..flow() }], &config(&[]).train);
    let mut report = |number| engine.step(number, &context(&ALL, &ALL, &ALL)).unwrap().values;
    let (before, rising, whole) = (report(1), report(3), report(5));
    assert!(!before.iter().any(|(name, _)| name == "rectified_flow"), "{before:?}");
    let share = |values: &[(String, f64)]| values[0].1 / values[1].1;
    assert!((share(&rising) - 0.5).abs() < 1e-6 && (share(&whole) - 1.0).abs() < 1e-6);
}
