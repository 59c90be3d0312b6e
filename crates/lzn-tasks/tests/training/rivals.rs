//! SimCLR and MoCo in the training loop, and what an objective carries from step to step.

use std::fs;
use std::path::Path;

use lzn_tasks::config::RunConfig;
use lzn_tasks::train::Session;

use crate::support::{
    batch, bits, data, engine, finish, open, records_of, samples, step, stop_at, try_with, value, views, weights_of,
    with,
};

const SIMCLR: &str = "objective=[{kind=\"simclr\",temperature=0.5}]";
const MOCO: &str = "objective=[{kind=\"moco\",queue=8,momentum=0.6}]";

/// What the objectives of a session carry, bit for bit.
fn carried(session: &Session) -> Vec<(String, Vec<u32>)> {
    let (numbers, counters): (Vec<_>, Vec<_>) =
        session.engine.objective_state().into_iter().partition(|(_, tensor)| tensor.kind() == tch::Kind::Float);
    let counters = counters.into_iter().map(|(name, tensor)| (name, vec![tensor.int64_value(&[0]) as u32]));
    bits(numbers).into_iter().chain(counters).collect()
}

#[test]
fn a_run_that_was_stopped_goes_on_with_the_queue_and_the_encoder_of_the_keys_bit_for_bit() {
    let folder = data();
    let place = tempfile::tempdir().unwrap();
    for (name, set) in [("simclr", SIMCLR), ("moco", MOCO)] {
        let config = with(&views(folder.path()), &[set]);
        let [whole, stopped] = ["whole", "stopped"].map(|run| place.path().join(format!("{name}-{run}")));
        let expected = carried(finish(&config, &whole).session());
        drop(stop_at(&config, &stopped, 3));
        let got = carried(finish(&config, &stopped).session());
        assert_eq!(got, expected, "{name}");
        assert_eq!(got.is_empty(), name == "simclr");
        assert_eq!(weights_of(&whole), weights_of(&stopped), "{name}");
        assert_eq!(records_of(&whole), records_of(&stopped), "{name}");
        assert_eq!(whole.join("checkpoints/000000006/objectives.safetensors").exists(), name == "moco");
    }
}

#[test]
fn a_checkpoint_without_what_an_objective_carries_is_refused_by_the_name_of_the_file() {
    let folder = data();
    let config = with(&views(folder.path()), &[MOCO]);
    let run = tempfile::tempdir().unwrap();
    let run = run.path().join("run");
    drop(stop_at(&config, &run, 4));
    let wide = with(&config, &["objective.0.queue=9"]);
    assert_ne!(wide.identity(), config.identity());
    // What the checkpoint says of its own files leaves the damaged one out; the one before it is taken.
    fs::remove_file(run.join("checkpoints/000000004/objectives.safetensors")).unwrap();
    let trainer = open(&config, &run).unwrap();
    assert_eq!(trainer.session().step, 2);
    assert!(trainer.session().warnings[0].contains("objectives.safetensors"), "{:?}", trainer.session().warnings);
}

/// Four batches in turn, so that the queue holds other images than the batch.
#[test]
fn both_learn_to_find_the_other_view() {
    let folder = data();
    let views_of = |number: u64| {
        let second = samples(number).0 + samples(number + 100).0 * 0.2;
        batch(number).with_second_view(Some(second))
    };
    for (name, set) in [("simclr", SIMCLR), ("moco", MOCO)] {
        let sets = [set, "model.encoder.ncsnpp.dropout=0.0", "train.warm_up.iterations=1"];
        let mut engine = engine(&with(&views(folder.path()), &sets));
        let losses: Vec<f64> = (0..80).map(|i| value(&step(&mut engine, i, &views_of(i % 4)), name).unwrap()).collect();
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        // The first batches of all meet keys that were drawn at random.
        let (early, late) = (mean(&losses[4..8]), mean(&losses[76..]));
        assert!(late < 0.8 * early, "{name}: from {early} to {late}");
    }
}

#[test]
fn settings_that_do_not_fit_are_refused_by_their_key() {
    let folder = data();
    let config = views(folder.path());
    for (sets, expected) in [
        (["objective=[{kind=\"simclr\",temperature=0.0}]"].as_slice(), "`objective[0].temperature` must be finite"),
        (&["objective=[{kind=\"simclr\",queue=9}]"], "`objective[0].queue` belongs to kind = \"moco\""),
        (&["objective=[{kind=\"moco\",queue=5}]"], "`objective[0].queue` must be at least `train.batch_size`, 6"),
        (&["objective=[{kind=\"moco\",momentum=1.0}]"], "`objective[0].momentum` must lie in [0, 1)"),
        (&["objective.0.temperature=0.5"], "`objective[0].temperature` belongs to"),
        (&[MOCO, "data.augment={flip=false}"], "both views are equal"),
        (&["objective=[{kind=\"moco\",from=\"image\"}]"], "`objective[0].from` belongs to kind = \"align\""),
    ] {
        let message = try_with(&config, sets).unwrap_err();
        assert!(message.contains(expected), "{sets:?}: {message}");
    }
    assert!(try_with(&config, &["objective=[{kind=\"moco\"}]"]).is_ok(), "the published queue is long enough");
}

#[test]
fn comparing_views_needs_an_encoder() {
    let folder = data();
    let text = views(folder.path()).to_toml();
    let (before, rest) = text.split_at(text.find("[model.encoder").unwrap());
    let objective = rest.find("[[objective]]").unwrap();
    let decoder = "[model.decoder]\nnf = 8\n\n";
    let text = format!("{before}{decoder}{}", &rest[objective..]);
    let message = RunConfig::parse(&text, Path::new("test.toml"), &[SIMCLR.parse().unwrap()]).unwrap_err().to_string();
    assert!(message.contains("comparing views needs a [model.encoder] table"), "{message}");
}
