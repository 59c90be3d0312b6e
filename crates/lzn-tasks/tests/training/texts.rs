//! A run on images, labels and texts, from its configuration to tasks.

use std::path::Path;

use lzn_tasks::config::{MetricGroup, MetricsConfig, Override, RunConfig};
use lzn_tasks::evaluate::Silent;
use lzn_tasks::task::{Source, Target, Task, TaskOptions};
use lzn_tasks::types::Samples;
use lzn_tasks::{IMAGE, LABEL, TEXT, Weights};
use tch::{Device, Kind, Tensor};

use crate::support::{data, evaluation, finish, joint, records_of, stop_at, weights_of, with};

const SETS: [&str; 5] = [
    "data.texts=\"class-names\"",
    "model.text={max_bytes=12,encoder={width=8,layers=1,heads=2},decoder={width=8,layers=1,heads=2}}",
    "train.parts={\"text.encoder\"={learning_rate=1e-3,ema_decay=0.9}}",
    "objective=[{kind=\"rectified-flow\"},{kind=\"align\",from=\"image\",to=\"label\"},\
     {kind=\"align\",from=\"text\",to=\"image\",symmetric=true,form=\"log\"},{kind=\"reconstruct\",type=\"text\"}]",
    "model.label_conditional=true",
];

pub(crate) fn config(folder: &Path) -> RunConfig {
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
    assert_eq!(model.data_type(TEXT).unwrap().bank.as_ref().unwrap().anchors.size()[0], 2);
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
fn a_text_is_looked_up_from_its_zone_and_the_weights_carry_the_texts() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let run = place.path().join("run");
    // Zones of anchors as close as fresh ones are cut well by a flow that does not mind how close they are.
    finish(&with(&config(folder.path()), &["model.text_flow={solver=\"multistep\",steps=6}"]), &run);
    let mut weights = Weights::load(&run.join("weights.safetensors"), Device::Cpu).unwrap();
    assert_eq!(weights.model.text_bank().unwrap().texts(), weights.class_names);
    let task =
        Task::new(Source::data(TEXT), Target::Data { name: TEXT.to_owned(), decoder: Some("retrieval".to_owned()) });
    let asked: Vec<String> = weights.class_names.iter().cycle().take(40).cloned().collect();
    let inputs = [Samples::Texts(asked.clone()).into()];
    let options = TaskOptions { noise_scale: 1.0, ..TaskOptions::default() };
    let found = weights.model.run(&task, &inputs, &options).unwrap();
    let right = found.texts().unwrap().iter().zip(&asked).filter(|(found, asked)| found == asked).count();
    assert!(right >= 39, "{right} of 40");

    let ranked = weights.model.rank(&task, &inputs, 5, &options).unwrap();
    assert_eq!(ranked.probabilities.size(), [40, 2], "no more than there are");
    let sums = ranked.probabilities.sum_dim_intlist(1, false, Kind::Double);
    assert!((sums - 1.0).abs().max().double_value(&[]) < 1e-6);
    let first: Vec<&String> = ranked.samples.texts().unwrap().iter().step_by(2).collect();
    assert!(first.into_iter().eq(found.texts().unwrap()));

    weights.model.set_texts(&["dusk".to_owned(), "dawn".to_owned(), "dusk".to_owned()]).unwrap();
    let other = weights.model.rank(&task, &inputs, 5, &options).unwrap();
    assert!(other.samples.texts().unwrap().iter().all(|text| text == "dusk" || text == "dawn"));
}

#[test]
fn weights_carry_how_often_texts_and_labels_occur() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let light = std::fs::read_dir(folder.path().join("train/light")).unwrap();
    for file in light.skip(3) {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    finish(&config(folder.path()), place.path());
    let close = |shares: &Tensor| {
        let wrong = (shares - Tensor::from_slice(&[0.8f32, 0.2])).abs().max().double_value(&[]);
        assert!(wrong < 1e-6, "{shares}: 12 and 3 of 15");
    };
    let finished = Weights::load(&place.path().join("weights.safetensors"), Device::Cpu).unwrap().model;
    std::fs::remove_file(place.path().join("weights.safetensors")).unwrap();
    let checkpoint = Weights::open(place.path(), false, Device::Cpu).unwrap().model;
    for model in [&finished, &checkpoint] {
        let banks = model.banks();
        close(&banks.labels.unwrap());
        close(banks.texts.unwrap().weights().unwrap());
        close(model.data_type(TEXT).unwrap().bank.as_ref().unwrap().weights.as_ref().unwrap());
    }
}

#[test]
fn labels_are_ranked_as_they_are_decided_and_what_is_drawn_has_no_ranks() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    finish(&config(folder.path()), place.path());
    let model = Weights::open(place.path(), false, Device::Cpu).unwrap().model;
    let (input, options) = ([30.into()], TaskOptions::default());
    let task = |target| Task::new(Source::Prior, Target::data(target));
    let decided = model.run(&task(LABEL), &input, &options).unwrap();
    let ranked = model.rank(&task(LABEL), &input, 2, &options).unwrap();
    let labels = ranked.samples.rows().unwrap().view([-1, 2]);
    let right =
        labels.select(1, 0).eq_tensor(decided.rows().unwrap()).to_kind(Kind::Double).mean(None).double_value(&[]);
    // The nearest anchor at the end of the flow, and the zone with the largest probability there, differ at borders at most.
    assert!(right >= 0.9, "{right}");
    let message = model.rank(&task(IMAGE), &input, 2, &options).unwrap_err().to_string();
    assert!(message.contains("`image` is drawn and not looked up"), "{message}");
}

#[test]
fn images_and_texts_find_each_other_as_the_evaluation_says() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let run = place.path().join("run");
    finish(&config(folder.path()), &run);
    let weights = Weights::open(&run, false, Device::Cpu).unwrap();
    let metrics = MetricsConfig { groups: vec![MetricGroup::Retrieval], ..MetricsConfig::default() };
    let found = lzn_tasks::evaluate::evaluate(&weights, &evaluation(metrics, place.path()), &Silent).unwrap();
    let [group] = found.groups.as_slice() else { panic!("{:?}", found.groups) };
    let value = |name: &str| group.measures.iter().find(|measure| measure.name == name).unwrap().value;
    for how in ["zones", "cosine of anchors"] {
        for direction in ["image to text", "text to image"] {
            let recall = [1, 5, 10].map(|depth| value(&format!("{direction} recall@{depth}, {how}")));
            assert!(recall.is_sorted() && recall[2] <= 1.0, "{recall:?}");
        }
        // Two texts are all there are.
        assert_eq!(value(&format!("image to text recall@5, {how}")), 1.0);
    }
    assert!((0.0..=1.0).contains(&value("caption exact match")));
}

#[test]
fn contrast_of_images_and_texts_is_learnt() {
    let (folder, place) = (data(), tempfile::tempdir().unwrap());
    let clip = with(
        &config(folder.path()),
        &["objective=[{kind=\"clip\",from=\"image\",to=\"text\",temperature=0.5}]", "train.iterations=40"],
    );
    finish(&clip, place.path());
    let records = records_of(place.path());
    let losses: Vec<f64> = records.iter().filter_map(|record| *record.values.get("train/clip/image-text")?).collect();
    assert!(losses.len() > 1 && losses[losses.len() - 1] < 0.7 * losses[0], "{losses:?}");
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
        ("objective=[{kind=\"clip\",from=\"image\",to=\"view\"}]", "`clip` is of two data types"),
        ("objective=[{kind=\"clip\"}]", "`clip` needs `from` and `to`"),
        ("objective=[{kind=\"clip\",from=\"image\",to=\"label\",symmetric=true}]", "belongs to kind = \"align\""),
        ("objective.0.temperature=0.1", "belongs to kind = \"simclr\", \"moco\" or \"clip\""),
        ("model.text={}", "needs a [model.text.encoder]"),
    ] {
        let message = refuse(set);
        assert!(message.contains(words), "{set}: {message}");
    }
}
