//! All pairs that a model allows, and what it says of those that it does not.

use lzn_tasks::task::{Input, Source, Target, Task, TaskOptions, Zoning};
use lzn_tasks::types::{DataType, Samples};
use lzn_tasks::{IMAGE, LABEL, Lzn};
use tch::{Device, Kind};

use crate::support::{DIM, WORD, WORDS, config, empty, images, labels, looks, model, normal, options, texts, words};

/// Every kind of source, with inputs for four results.
fn sources() -> Vec<(Source, Vec<Input>)> {
    let mixture = |parts: &[&str]| Source::Mixture(parts.iter().map(|name| ((*name).to_owned(), 1.0)).collect());
    vec![
        (Source::Prior, vec![4.into()]),
        (Source::Latent, vec![normal("latents", &[4, DIM]).into()]),
        (Source::data(IMAGE), vec![images(4).into()]),
        (Source::data(LABEL), vec![labels(&[0, 1, 1, 0])]),
        (Source::data(WORD), vec![texts(&["red", "blue", "red", "dark"])]),
        (mixture(&[LABEL, WORD]), vec![labels(&[0, 1, 1, 0]), texts(&["red", "blue", "red", "dark"])]),
        (mixture(&[IMAGE, LABEL]), vec![images(4).into(), labels(&[0, 1, 1, 0])]),
        (Source::between(Source::data(LABEL), Source::data(WORD), 2), vec![labels(&[0, 1]), texts(&["red", "blue"])]),
        (Source::between(Source::Prior, Source::Latent, 4), vec![1.into(), normal("end", &[1, DIM]).into()]),
    ]
}

fn targets() -> Vec<(Target, Option<Kind>, Vec<i64>)> {
    vec![
        (Target::Latent, Some(Kind::Float), vec![DIM]),
        (Target::data(IMAGE), Some(Kind::Uint8), vec![1, 8, 8]),
        (Target::data(LABEL), Some(Kind::Int64), vec![]),
        (Target::data(WORD), None, vec![]),
    ]
}

/// Row by row: the same number of every sample, whatever was asked for beside it. Sums of latents are taken in another order.
fn agree(a: &Samples, b: &Samples) -> bool {
    match (a, b) {
        (Samples::Rows(a), Samples::Rows(b)) if a.kind() == Kind::Float => a.allclose(b, 1e-5, 1e-5, false),
        _ => a == b,
    }
}

#[test]
fn every_source_leads_to_every_target_with_the_same_result_whatever_the_batch() {
    let model = model();
    for (source, inputs) in sources() {
        for (target, kind, shape) in targets() {
            let task = Task::new(source.clone(), target);
            let run =
                |batch_size| model.run(&task, &inputs, &options(batch_size)).unwrap_or_else(|e| panic!("{task}: {e}"));
            let made = run(4);
            assert_eq!((made.len(), looks(&made)), (4, (kind, shape)), "{task}");
            assert_eq!(made, run(4), "{task}: the same seed");
            assert!(agree(&made, &run(1)), "{task}: one at a time");
            assert!(agree(&made, &run(3)), "{task}: three at a time");
        }
    }
}

#[test]
fn a_result_is_a_function_of_the_seed_and_its_number() {
    let model = model();
    let task = Task::from_to(LABEL, IMAGE);
    let run = |labels_of: &[i64], first, seed| {
        model.run(&task, &[labels(labels_of)], &TaskOptions { first, seed, ..options(8) }).unwrap()
    };
    let all = run(&[0, 1, 1, 0], 0, 4);
    assert_eq!(all.narrow(2, 1), run(&[1], 2, 4));
    assert_ne!(all, run(&[0, 1, 1, 0], 0, 5));
    // Points of one path differ by their latents alone.
    let path = Task::new(Source::between(Source::data(LABEL), Source::data(LABEL), 3), Target::data(IMAGE));
    let still = model.run(&path, &[labels(&[1]), labels(&[1])], &options(8)).unwrap();
    assert_eq!(still.len(), 3);
}

#[test]
fn nothing_comes_of_nothing() {
    let model = model();
    for (target, kind, shape) in targets() {
        for (source, input) in [(Source::Prior, 0.into()), (Source::data(LABEL), labels(&[]))] {
            let made = model.run(&Task::new(source, target.clone()), &[input], &options(4)).unwrap();
            assert_eq!((made.len(), looks(&made)), (0, (kind, shape.clone())));
        }
    }
}

/// What a model says to a task that it cannot do.
fn refusal(model: &Lzn, task: &Task, inputs: &[Input]) -> String {
    model.run(task, inputs, &options(2)).unwrap_err().to_string()
}

fn built(sets: &[&str], without: &[&str]) -> Lzn {
    let mut config = config(sets);
    without.iter().for_each(|part| match *part {
        "encoder" => config.model.encoder = None,
        "decoder" => config.model.decoder = None,
        _ => config.model.labels = None,
    });
    Lzn::new(&config.model, &config.data, 2, 3, Device::Cpu).unwrap()
}

#[test]
fn an_impossible_pair_is_answered_with_the_part_that_is_missing() {
    let (image, label) = (|| vec![Input::from(images(2))], || vec![labels(&[0, 1])]);
    let decoding = built(&["model.label_conditional=false"], &["encoder", "labels"]);
    let encoding = built(&["model.label_conditional=false"], &["decoder", "labels"]);
    let mut silent = empty();
    silent.register(DataType::new(WORD, words().flow().clone())).unwrap();
    for (model, task, inputs, expected) in [
        (&encoding, Task::drawing(), vec![2.into()], "`image` has no decoder in this model"),
        (&encoding, Task::drawing(), vec![2.into()], "[model.decoder]"),
        (&encoding, Task::from_to(IMAGE, LABEL), image(), "[model.labels]"),
        (&encoding, Task::new(Source::data(LABEL), Target::Latent), label(), "`label` has no encoder in this model"),
        (&decoding, Task::new(Source::data(IMAGE), Target::Latent), image(), "[model.encoder]"),
        (&decoding, Task::from_to(LABEL, IMAGE), label(), "draws from noise alone"),
        (
            &encoding,
            Task::new(Source::data("sound"), Target::Latent),
            image(),
            "no data type `sound`; there are: image, label",
        ),
        (&encoding, Task::from_to(IMAGE, "sound"), image(), "no data type `sound`"),
        (&silent, Task::from_to(WORD, WORD), vec![texts(&["red"])], "`word` has no decoder"),
        (&silent, Task::new(Source::data(WORD), Target::Latent), vec![texts(&["red"])], "`word` has no encoder"),
    ] {
        let message = refusal(model, &task, &inputs);
        assert!(message.contains(expected), "{task}: {message}");
    }
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let model = model();
    let to_label = |source| Task::new(source, Target::data(LABEL));
    let named = Target::Data { name: IMAGE.to_owned(), decoder: Some("diffusion".to_owned()) };
    for (task, inputs, expected) in [
        (to_label(Source::Prior), vec![], "takes 1 inputs, got 0"),
        (to_label(Source::Prior), vec![labels(&[0])], "a number of draws"),
        (to_label(Source::data(WORD)), vec![3.into()], "takes samples"),
        (to_label(Source::data(WORD)), vec![labels(&[0])], "expected texts, got rows"),
        (to_label(Source::data(IMAGE)), vec![texts(&WORDS)], "expected rows of a tensor, got texts"),
        (to_label(Source::data(LABEL)), vec![labels(&[0, 2])], "label 2 is not in 0..2"),
        (to_label(Source::Latent), vec![normal("x", &[2, 5]).into()], "rows of 6 numbers, got an array [2, 5]"),
        (
            to_label(Source::Mixture(vec![(LABEL.into(), 1.0), (WORD.into(), 1.0)])),
            vec![labels(&[0, 1]), texts(&["red"])],
            "as many samples each, got [2, 1]",
        ),
        (to_label(Source::Mixture(vec![(LABEL.into(), 0.0)])), vec![labels(&[0])], "greater than 0, got 0"),
        (
            to_label(Source::between(Source::data(LABEL), Source::Prior, 2)),
            vec![labels(&[0, 1]), 3.into()],
            "as many samples each, got [2, 3]",
        ),
        (Task::new(Source::Prior, named), vec![1.into()], "no decoder `diffusion`; there are: rectified-flow"),
    ] {
        let message = refusal(&model, &task, &inputs);
        assert!(message.contains(expected), "{task}: {message}");
    }
}

#[test]
fn types_and_parts_of_one_name_are_refused() {
    let mut model = model();
    let message = model.register(words()).unwrap_err().to_string();
    assert!(message.contains("`word`") && message.contains("choose another name"), "{message}");
    let clash = DataType::new("other", words().flow().clone()).with_encoder(crate::support::WordEncoder::new());
    let message = model.register(clash).unwrap_err().to_string();
    assert!(message.contains("its part `word` beside a part `word`"), "{message}");
}

#[test]
fn the_company_of_a_request_counts_only_where_it_is_asked_for() {
    let model = model();
    let task = Task::new(Source::data(IMAGE), Target::Latent);
    let run = |count, zoning| {
        let made = model.run(&task, &[images(count).into()], &TaskOptions { zoning, ..options(8) }).unwrap();
        made.rows().unwrap().get(0)
    };
    assert!(run(4, Zoning::Bank).allclose(&run(1, Zoning::Bank), 1e-5, 1e-5, false));
    assert!(!run(4, Zoning::Batch).allclose(&run(1, Zoning::Batch), 1e-3, 1e-3, false));
}
