//! A run on images, labels and texts, from its configuration to tasks.

use std::path::Path;

use lzn_tasks::config::{Override, RunConfig};
use lzn_tasks::task::{Source, Target, Task, TaskOptions};
use lzn_tasks::types::Samples;
use lzn_tasks::{IMAGE, LABEL, TEXT, Weights};
use tch::{Device, Kind};

use crate::support::{data, finish, joint, records_of, stop_at, weights_of};

const SETS: [&str; 5] = [
    "data.texts=\"class-names\"",
    "model.text={max_bytes=12,encoder={width=8,layers=1,heads=2},decoder={width=8,layers=1,heads=2}}",
    "train.parts={\"text.encoder\"={learning_rate=1e-3,ema_decay=0.9}}",
    "objective=[{kind=\"rectified-flow\"},{kind=\"align\",from=\"image\",to=\"label\"},\
     {kind=\"align\",from=\"text\",to=\"image\",symmetric=true,form=\"log\"},{kind=\"reconstruct\",type=\"text\"}]",
    "model.label_conditional=true",
];

fn config(folder: &Path) -> RunConfig {
    let sets: Vec<Override> = SETS.iter().map(|set| set.parse().unwrap()).collect();
    RunConfig::parse(&joint(folder, &[]).to_toml(), Path::new("test.toml"), &sets).unwrap()
}

#[test]
fn three_types_train_together_and_every_task_of_the_paper_runs() {
    let folder = data();
    let run = tempfile::tempdir().unwrap();
    finish(&config(folder.path()), run.path());
    let records = records_of(run.path());
    for name in ["rectified_flow", "align/image-label", "align/text-image", "reconstruct/text"] {
        assert!(records[0].values[&format!("train/{name}")].is_some_and(f64::is_finite), "{name}");
    }
    let weights = Weights::open(run.path(), false, Device::Cpu).unwrap();
    let model = &weights.model;
    // Two class names are all the texts that there are.
    assert_eq!(model.data_type(TEXT).unwrap().bank.as_ref().unwrap().size()[0], 2);
    let (images, _) = lzn_tasks::data::read(
        lzn_tasks::data::open_test(&weights.config.data).unwrap().unwrap().as_ref(),
        &[0, 7],
        Device::Cpu,
    )
    .unwrap();
    let (labels, texts) = ([0_i64, 1].as_slice().into(), Samples::from(["dark", "light"].as_slice()).into());
    for (source, input) in [
        (Source::Prior, 2.into()),
        (Source::data(IMAGE), (&images).into()),
        (Source::data(LABEL), labels),
        (Source::data(TEXT), texts),
    ] {
        for target in [Target::Latent, Target::data(IMAGE), Target::data(LABEL), Target::data(TEXT)] {
            let task = Task::new(source.clone(), target);
            let options = TaskOptions { sampler: lzn_flow::Sampler::Euler { steps: 1 }, ..TaskOptions::default() };
            let made = model.run(&task, std::slice::from_ref(&input), &options).unwrap();
            assert_eq!(made.len(), 2, "{task}");
            if let Samples::Rows(rows) = &made {
                assert!(rows.isfinite().all().int64_value(&[]) == 1 && rows.kind() != Kind::Half, "{task}");
            }
        }
    }
}

#[test]
fn a_run_with_texts_that_was_stopped_gives_the_same_numbers() {
    let folder = data();
    let place = tempfile::tempdir().unwrap();
    let (whole, stopped) = (place.path().join("whole"), place.path().join("stopped"));
    finish(&config(folder.path()), &whole);
    drop(stop_at(&config(folder.path()), &stopped, 3));
    finish(&config(folder.path()), &stopped);
    assert_eq!(weights_of(&whole), weights_of(&stopped));
    assert!(weights_of(&whole).0.keys().any(|name| name.starts_with("text.decoder.")));
}

#[test]
fn objectives_name_the_table_that_texts_need() {
    let folder = data();
    let refuse = |set: &str| {
        let set = set.parse().unwrap();
        RunConfig::parse(&joint(folder.path(), &[]).to_toml(), Path::new("x.toml"), &[set]).unwrap_err().to_string()
    };
    for (set, words) in [
        ("objective.1.to=text", "needs a [model.text.encoder] table"),
        ("objective.1.to=sound", "names `sound`, which is no data type: there are \"image\", \"label\", \"text\""),
        ("objective.1.to=image", "must be another type than `from`"),
        ("objective=[{kind=\"reconstruct\",type=\"text\"}]", "[model.text.decoder]"),
        ("objective=[{kind=\"reconstruct\"}]", "needs the data type"),
        ("objective.0.type=image", "belongs to kind = \"reconstruct\""),
        ("model.text={}", "needs a [model.text.encoder]"),
    ] {
        let message = refuse(set);
        assert!(message.contains(words), "{set}: {message}");
    }
}
