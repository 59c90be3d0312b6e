//! The configurations in `tools/configs`: each is read, checked and built, and those for a CPU take a training step.

#[path = "configs/stand_ins.rs"]
mod stand_ins;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lzn_tasks::config::{AugmentConfig, DataSource, Override, RunConfig};
use lzn_tasks::run::StopFlag;
use lzn_tasks::train::hooks::Hook;
use lzn_tasks::train::{Outcome, Session, StepReport, Trainer};
use lzn_tasks::{Lzn, TaskError, Weights};
use tch::Device;
use toml::Value;

/// Files in the folder that are not of the published six.
const DEMONSTRATIONS: [&str; 12] = [
    "emoji",
    "emoji-clip",
    "emoji-without-labels",
    "fashion-mnist",
    "fashion-mnist-classifier",
    "fashion-mnist-conditional-flow",
    "fashion-mnist-joint",
    "fashion-mnist-rectified-flow",
    "fashion-mnist-unconditional",
    "quickstart",
    "representation-cifar10",
    "representation-fashion-mnist",
];

const PUBLISHED: [&str; 6] =
    ["afhq-cat", "celeba-hq", "cifar10-joint", "cifar10-unconditional", "imagenet-representation", "lsun-bedroom"];

/// The published representation model, small enough for a test.
const TINY: [&str; 5] = [
    "data.source=\"fashion-mnist-embedded\"",
    "data.image_size=28",
    "data.channels=1",
    "model.latent_dim=64",
    "model.encoder.resnet.layers=[1]",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/configs")
}

fn load(name: &str, sets: &[&str]) -> RunConfig {
    let overrides: Vec<Override> = sets.iter().map(|set| set.parse().expect("an override")).collect();
    RunConfig::load(&folder().join(name).with_extension("toml"), &overrides).expect("valid")
}

/// Numbers in each part of the model that a configuration describes, fixed ones included.
fn sizes(config: &RunConfig, classes: usize) -> BTreeMap<String, usize> {
    let model = Lzn::new(&config.model, &config.data, classes, config.seed, Device::Cpu).expect("networks");
    let numbers = |store: &lzn_torch::ParamStore| store.named().iter().map(|(_, tensor)| tensor.numel()).sum();
    model.parts().iter().map(|(part, store)| (part.to_string(), numbers(store))).collect()
}

#[test]
fn the_folder_holds_the_six_published_configurations_and_the_demonstrations() {
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort();
    let mut known = [PUBLISHED.as_slice(), &DEMONSTRATIONS].concat();
    known.sort_unstable();
    assert_eq!(found, known);
}

#[test]
fn every_configuration_is_read_and_its_resolved_form_reads_back() {
    for name in PUBLISHED.iter().chain(&DEMONSTRATIONS) {
        let config = load(name, &[]);
        let again = RunConfig::parse(&config.to_toml(), Path::new(name), &[]).unwrap();
        assert_eq!(again, config, "{name}");
        assert_eq!(again.identity(), config.identity(), "{name}");
    }
}

#[test]
fn published_networks_have_the_published_sizes() {
    // Paper, appendices C.3 and E.3. That of D.3 is of a head with one layer; the published one has two.
    let decoder_and_encoder = |decoder: usize, encoder: usize| vec![("decoder", decoder), ("encoder", encoder)];
    let at_256_pixels = || decoder_and_encoder(65_676_949, 87_768_896);
    let joint = [decoder_and_encoder(61_911_939, 49_790_260), vec![("labels", 10 * 200)]].concat();
    // One at a time: the largest fills half a gigabyte.
    for (name, sets, classes, expected) in [
        ("cifar10-unconditional", [].as_slice(), 0, decoder_and_encoder(61_906_819, 49_790_260)),
        ("cifar10-joint", &[], 10, joint),
        ("afhq-cat", &[], 0, at_256_pixels()),
        ("celeba-hq", &[], 0, at_256_pixels()),
        ("lsun-bedroom", &[], 0, at_256_pixels()),
        ("imagenet-representation", &[], 0, vec![("encoder", 24_032_832 + 2048 * 2048 + 2 * 2048)]),
        ("imagenet-representation", &["model.encoder.resnet.head_num_layers=1"], 0, vec![("encoder", 24_032_832)]),
    ] {
        let expected: BTreeMap<String, usize> =
            expected.into_iter().map(|(part, size)| (part.to_owned(), size)).collect();
        assert_eq!(sizes(&load(name, sets), classes), expected, "{name} {sets:?}");
    }
}

#[test]
fn published_values_stand_in_the_configurations() {
    let keys = [
        "train.batch_size",
        "train.iterations",
        "train.encoder.learning_rate",
        "train.encoder.ema_decay",
        "model.latent_dim",
        "model.image_flow.solver",
        "model.image_flow.steps",
        "train.warm_up.iterations",
        "train.warm_up.start_factor",
        "train.clip_norm",
        "data.augment.flip",
        "data.image_size",
    ];
    // Paper, appendices C.3, D.3 and E.3; the last six are common to all but the solver.
    for (name, values) in [
        ("cifar10-unconditional", "2000 50000 2.5e-5 0.999999 200 \"dpm-solver\" 20 5000 2e-4 1.0 true 32"),
        ("afhq-cat", "256 60000 2e-6 0.999999 200 \"dpm-solver\" 20 5000 2e-4 1.0 true 256"),
        ("celeba-hq", "256 350000 4e-6 0.9999 200 \"dpm-solver\" 20 5000 2e-4 1.0 true 256"),
        ("lsun-bedroom", "256 2050000 2e-6 0.99999 200 \"dpm-solver\" 20 5000 2e-4 1.0 true 256"),
        ("cifar10-joint", "2000 200000 5e-5 0.999999 200 \"dpm-solver\" 20 5000 2e-4 1.0 true 32"),
        ("imagenet-representation", "8192 5000000 8e-4 0.9999 256 \"euler\" 20 5000 2e-4 1.0 true 224"),
    ] {
        let config = load(name, &[]);
        for (key, value) in keys.iter().zip(values.split(' ')) {
            let expected = toml::from_str::<toml::Table>(&format!("v = {value}")).unwrap()["v"].clone();
            assert_eq!(config.value(key).unwrap(), expected, "{name}: {key}");
        }
    }
}

#[test]
fn decoders_and_labels_train_as_published() {
    for (name, rate, decay, freeze_at) in [
        ("cifar10-unconditional", 1e-3, 0.999_999, None),
        ("afhq-cat", 2e-4, 0.999_999, None),
        ("celeba-hq", 2e-4, 0.9999, None),
        ("lsun-bedroom", 2e-4, 0.999_99, None),
        ("cifar10-joint", 2e-3, 0.999_999, Some(60_000)),
    ] {
        let part = load(name, &[]).train.decoder;
        assert_eq!((part.learning_rate, part.ema_decay, part.freeze_at), (rate, decay, freeze_at), "{name}");
    }
    let joint = load("cifar10-joint", &[]);
    assert_eq!((joint.train.labels.learning_rate, joint.train.labels.ema_decay), (1e-4, 0.999_999));
    assert_eq!(joint.value("model.label_flow.steps").unwrap(), Value::Integer(100));
    assert_eq!(load("imagenet-representation", &[]).value("objective.0.noise_scale").unwrap(), Value::Float(0.45));
    let views = load("imagenet-representation", &[]).data;
    assert_eq!((views.augment, views.resize), (AugmentConfig::VIEWS, Some(256)));
    assert_eq!(load("lsun-bedroom", &[]).value("model.decoder.sigma_max").unwrap(), Value::Float(380.0));
}

#[test]
fn views_are_aligned_under_any_random_transform_but_not_without() {
    let read = |augment: &str| {
        let set = format!("data.augment={augment}").parse().expect("an override");
        RunConfig::load(&folder().join("imagenet-representation.toml"), &[set])
    };
    for augment in ["{flip=true}", "{flip=false,shift=1}", "{flip=false,crop={}}", "{flip=false,jitter={}}"] {
        assert!(read(augment).is_ok(), "{augment}");
    }
    let message = read("{flip=false}").unwrap_err().to_string();
    assert!(message.contains("both views are equal"), "{message}");
}

/// Ends the run after its first step and keeps what that reported.
struct OneStep(StopFlag, Arc<Mutex<Option<StepReport>>>);

impl Hook for OneStep {
    fn after_step(&mut self, _: &mut Session, report: &StepReport) -> Result<(), TaskError> {
        *self.1.lock().expect("one thread") = Some(report.clone());
        self.0.request();
        Ok(())
    }
}

/// The report of the first step of a run, with an embedded data set and a batch of a few images.
fn first_step(name: &str, sets: &[&str]) -> BTreeMap<String, f64> {
    let small = ["data.source=\"fashion-mnist-embedded\"", "train.batch_size=6", "evaluate.every=0"];
    let config = load(name, &[&small, sets].concat());
    assert_eq!(config.data.source, DataSource::FashionMnistEmbedded);
    step_of(config)
}

/// The report of the first step of a run.
fn step_of(config: RunConfig) -> BTreeMap<String, f64> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut trainer = Trainer::open(config, &folder.path().join("run"), Device::Cpu).expect("opens");
    let (stop, report) = (StopFlag::new(), Arc::default());
    trainer.add_hook(Box::new(OneStep(stop.clone(), Arc::clone(&report))));
    assert_eq!(trainer.run(&stop).expect("runs"), Outcome::Interrupted);
    let report = report.lock().expect("one thread").take().expect("a step");
    assert!(!report.skipped, "{:?}", report.values);
    report.values.into_iter().collect()
}

#[test]
fn demonstrations_take_a_training_step() {
    for (name, parts) in [
        ("quickstart", ["encoder", "decoder", "labels"].as_slice()),
        ("fashion-mnist", &["encoder", "decoder", "labels"]),
        ("fashion-mnist-joint", &["encoder", "decoder", "labels"]),
        ("fashion-mnist-classifier", &["encoder", "labels"]),
        ("fashion-mnist-unconditional", &["encoder", "decoder"]),
        ("fashion-mnist-rectified-flow", &["decoder"]),
        ("fashion-mnist-conditional-flow", &["decoder"]),
        ("representation-fashion-mnist", &["encoder"]),
    ] {
        let values = first_step(name, &[]);
        let learning: Vec<&str> = values.keys().filter_map(|key| key.strip_prefix("lr/")).collect();
        let mut parts = parts.to_vec();
        parts.sort_unstable();
        assert_eq!(learning, parts, "{name}");
        assert!(values["grad_norm"] > 0.0, "{name}: {values:?}");
        assert_eq!(values.contains_key("rectified_flow"), parts.contains(&"decoder"), "{name}");
        let aligns = parts.contains(&"labels") && parts.contains(&"decoder");
        assert_eq!(values.contains_key("align/image-label"), aligns, "{name}");
    }
}

/// What the comments of the representation configurations say of rivals and of the supervised yardstick, as sets.
const RIVALS: [(&str, &[&str]); 3] = [
    ("simclr", &["objective=[{kind=\"simclr\",temperature=0.2}]"]),
    ("moco", &["objective=[{kind=\"moco\",temperature=0.2,queue=4096,momentum=0.99}]"]),
    ("classify", &["objective=[{kind=\"classify\"}]", "model.labels={decision=\"linear\"}"]),
];

#[test]
fn rivals_differ_from_the_representation_configurations_in_their_objective_alone() {
    for name in ["representation-fashion-mnist", "representation-cifar10"] {
        let own = load(name, &[]);
        let text = std::fs::read_to_string(folder().join("representation-fashion-mnist.toml")).unwrap();
        for (objective, sets) in RIVALS {
            assert!(sets.iter().all(|set| text.contains(set)), "the configuration does not say {sets:?}");
            let mut rival = load(name, sets);
            assert_eq!(sizes(&rival, 10)["encoder"], sizes(&own, 10)["encoder"]);
            rival.objectives.clone_from(&own.objectives);
            rival.model.labels.clone_from(&own.model.labels);
            assert_eq!(rival, own, "{name}: {objective}");
        }
    }
    for (objective, sets) in RIVALS {
        let values = first_step("representation-fashion-mnist", sets);
        assert!(values["grad_norm"] > 0.0 && values.contains_key(objective), "{values:?}");
    }
}

#[test]
fn two_views_of_every_image_reach_the_objective_that_compares_them() {
    let values = first_step("imagenet-representation", &TINY);
    assert!(values["grad_norm"] > 0.0, "{values:?}");
    // Six latents of untrained anchors: better than chance, since both views are the same picture, and not certain.
    let accuracy = values["assignment_accuracy/views"];
    assert!(accuracy > 1.0 / 6.0 && accuracy <= 1.0, "{accuracy}");
    assert!(values["align/image-view"] >= 0.0 && values["best_probability/views"] >= accuracy, "{values:?}");
}

#[test]
fn runs_without_labels_decoder_or_latents_end_with_weights_that_load() {
    let short = ["train.iterations=2", "train.batch_size=6", "evaluate.samples=1", "evaluate.sampler_steps=1"];
    for (name, sets) in [
        ("fashion-mnist-unconditional", [].as_slice()),
        ("fashion-mnist-rectified-flow", &[]),
        ("fashion-mnist-conditional-flow", &[]),
        ("imagenet-representation", &TINY),
    ] {
        let config = load(name, &[&short, sets].concat());
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let draws = config.model.decoder.is_some();
        let mut trainer = Trainer::open(config.clone(), &run, Device::Cpu).unwrap();
        assert_eq!(trainer.run(&StopFlag::new()).unwrap(), Outcome::Finished, "{name}");
        let weights = Weights::open(&run, false, Device::Cpu).unwrap();
        assert_eq!(weights.config, config, "{name}");
        assert_eq!(weights.model.bank().is_some(), config.model.encoder.is_some(), "{name}");
        assert_eq!(run.join("samples.png").exists(), draws, "{name}");
    }
}
