//! A data set of tiny images and a model that learns it in milliseconds.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lzn_random::{Purpose, Stream};
use lzn_tasks::TaskError;
use lzn_tasks::config::{MetricsConfig, Override, RunConfig};
use lzn_tasks::evaluate::{EvaluateOptions, Parts};
use lzn_tasks::objective::{Draws, StepContext};
use lzn_tasks::run::StopFlag;
use lzn_tasks::run::records::{self, Record};
use lzn_tasks::train::hooks::Hook;
use lzn_tasks::train::{Outcome, Session, StepEngine, StepReport, Trainer};
use lzn_tasks::{Lzn, PartName};
use ndarray::Array4;
use tch::{Device, Kind, Tensor};

/// Joint training at 8 x 8 pixels; the tests of the command line use it as well.
const JOINT: &str = include_str!("joint.toml");

/// The images, and the right to train.
pub(crate) struct Data {
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Data {
    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A folder with 12 training and 4 test images of each of two classes, dark and light. Dropout draws from the one generator that
/// libtorch has in a process, so tests that train take turns: each keeps its data for as long as it trains.
pub(crate) fn data() -> Data {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed in its turn has no say in the next one's.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    for (label, class) in ["dark", "light"].into_iter().enumerate() {
        for (part, count) in [("train", 12), ("test", 4)] {
            let mut stream = Stream::new(label as u64, Purpose::new("test-images"), [count as u64, 0, 0]);
            let bytes = stream.uniforms(count * 64, 0.0, 128.0).into_iter().map(|x| x as u8 + 127 * label as u8);
            let images = Array4::from_shape_vec((count, 1, 8, 8), bytes.collect()).unwrap();
            lzn_tasks::pictures::files(&folder.path().join(part).join(class), images.view(), count, &[], 0).unwrap();
        }
    }
    Data { folder, _turn: turn }
}

/// The joint configuration on the data in `folder`, with overrides.
pub(crate) fn joint(folder: &Path, sets: &[&str]) -> RunConfig {
    parse(JOINT, folder, sets)
}

/// The plain Rectified Flow: no encoder, no latents, no labels.
pub(crate) fn plain(folder: &Path) -> RunConfig {
    let decoder = JOINT.find("[model.decoder]").unwrap();
    let encoder = JOINT.find("[model.encoder").unwrap();
    let text = format!("{}{}", &JOINT[..encoder], &JOINT[decoder..]);
    parse(&without_labels(&text), folder, &["model.label_conditional=false"])
}

/// Rectified Flow with latents of the image encoder, without labels.
pub(crate) fn unconditional(folder: &Path) -> RunConfig {
    parse(&without_labels(JOINT), folder, &["model.label_conditional=false"])
}

/// The image encoder as a supervised classifier.
pub(crate) fn classifier(folder: &Path, sets: &[&str]) -> RunConfig {
    let (decoder, labels) = (JOINT.find("[model.decoder]").unwrap(), JOINT.find("[model.labels]").unwrap());
    let text =
        format!("{}[model.labels]\ndecision = \"linear\"\n\n[[objective]]\nkind = \"classify\"\n", &JOINT[..decoder]);
    let train = JOINT.find("[train]").unwrap();
    assert!(labels > decoder && train > labels);
    parse(&format!("{text}\n{}", &JOINT[train..]), folder, &[sets, &["model.label_conditional=false"]].concat())
}

/// The image encoder, which learns from two views of every image.
pub(crate) fn views(folder: &Path) -> RunConfig {
    let (decoder, train) = (JOINT.find("[model.decoder]").unwrap(), JOINT.find("[train]").unwrap());
    let align = "[[objective]]\nkind = \"align\"\nfrom = \"image\"\nto = \"view\"\nform = \"log\"\n\n";
    let text = format!("{}{align}{}", &JOINT[..decoder], &JOINT[train..]);
    parse(&text, folder, &["model.label_conditional=false"])
}

/// Runs of every kind without dropout, which one process draws otherwise than several, and a whole batch otherwise than its pieces. MoCo has
/// a queue of so many keys.
pub(crate) fn kinds(folder: &Path, queue: usize) -> Vec<(&'static str, RunConfig)> {
    let simclr = "objective=[{kind=\"simclr\"}]";
    let moco = format!("objective=[{{kind=\"moco\",queue={queue}}}]");
    let joint = |sets: &[&str]| with(&joint(folder, sets), &SILENT);
    let views = |sets: &[&str]| with(&views(folder), &[&SILENT[..1], sets].concat());
    vec![
        ("joint", joint(&[])),
        ("unconditional", with(&unconditional(folder), &SILENT)),
        ("plain", with(&plain(folder), &SILENT[1..])),
        ("classifier", with(&classifier(folder, &[]), &SILENT[..1])),
        ("views", views(&[])),
        ("simclr", views(&[simclr])),
        ("moco", views(&[&moco])),
        ("recomputed", joint(&["model.encoder.ncsnpp.recompute=true"])),
        ("normalised", joint(&["model.normalise_anchors=true"])),
    ]
}

/// Without dropout: in the encoder, and in the decoder.
pub(crate) const SILENT: [&str; 2] = ["model.encoder.ncsnpp.dropout=0.0", "model.decoder.dropout=0.0"];

fn without_labels(text: &str) -> String {
    let align = "[[objective]]\nkind = \"align\"\nfrom = \"image\"\nto = \"label\"\n";
    assert!(text.contains(align) && text.contains("[model.labels]\n"));
    text.replace(align, "").replace("[model.labels]\n", "")
}

fn parse(text: &str, folder: &Path, sets: &[&str]) -> RunConfig {
    let path = format!("data.path='{}'", folder.display());
    let sets: Vec<Override> = sets.iter().chain([&path.as_str()]).map(|set| set.parse().unwrap()).collect();
    RunConfig::parse(text, Path::new("test.toml"), &sets).unwrap()
}

/// A configuration with some of its values replaced, or why that cannot be.
pub(crate) fn try_with(config: &RunConfig, sets: &[&str]) -> Result<RunConfig, String> {
    let sets: Vec<Override> = sets.iter().map(|set| set.parse().unwrap()).collect();
    RunConfig::parse(&config.to_toml(), Path::new("test.toml"), &sets).map_err(|error| error.to_string())
}

/// A configuration with some of its values replaced.
pub(crate) fn with(config: &RunConfig, sets: &[&str]) -> RunConfig {
    try_with(config, sets).unwrap()
}

/// An evaluation of these metrics that keeps its pieces in `place`.
pub(crate) fn evaluation(metrics: MetricsConfig, place: &Path) -> EvaluateOptions {
    EvaluateOptions {
        metrics,
        images: usize::MAX,
        noise_scale: 0.0,
        zoned: 10_000,
        seed: 4,
        batch_size: 5,
        parts: Parts::new(Some(place.join("parts"))),
        cache: place.join("cache"),
    }
}

/// A model with fresh optimizers, for steps without a run folder.
pub(crate) fn engine(config: &RunConfig) -> StepEngine {
    StepEngine::new(Lzn::new(&config.model, &config.data, 2, config.seed, Device::Cpu).unwrap(), config).unwrap()
}

/// The parts of the joint model, in the order of files.
pub(crate) const PARTS: [PartName; 3] = [PartName::ENCODER, PartName::DECODER, PartName::LABELS];

/// Random images `[6, 1, 8, 8]`, with labels.
pub(crate) fn samples(step: u64) -> (Tensor, Tensor) {
    let mut stream = Stream::new(step, Purpose::new("test-batch"), [0; 3]);
    let images = Tensor::from_slice(&stream.uniforms(6 * 64, -1.0, 1.0)).view([6, 1, 8, 8]);
    (images, Tensor::from_slice(&[0_i64, 1, 1, 0, 1, 0]))
}

/// The draws of step `step`.
pub(crate) fn draws(step: u64) -> Draws {
    Draws::of_step(3, step, Device::Cpu)
}

/// A random batch with the draws of step `step`.
pub(crate) fn batch(step: u64) -> StepContext {
    let (images, labels) = samples(step);
    StepContext::new(images, labels, draws(step))
}

/// Takes one step; the generator of dropout starts from the step's number.
pub(crate) fn step(engine: &mut StepEngine, step: u64, context: &StepContext) -> StepReport {
    tch::manual_seed(step as i64);
    engine.step(step, context).unwrap()
}

/// A value of a report.
pub(crate) fn value(report: &StepReport, name: &str) -> Option<f64> {
    report.values.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

/// All numbers of named tensors, bit for bit.
pub(crate) fn bits(tensors: Vec<(String, Tensor)>) -> Vec<(String, Vec<u32>)> {
    let values = |tensor: &Tensor| Vec::<f32>::try_from(tensor.detach().contiguous().view(-1)).unwrap();
    tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), values(tensor).into_iter().map(f32::to_bits).collect()))
        .collect()
}

/// Everything that training changes in a part: parameters, averages, moments.
pub(crate) fn state_of(engine: &StepEngine, part: PartName) -> Vec<(String, Vec<u32>)> {
    let (_, params) = engine.model.parts().into_iter().find(|(name, _)| *name == part).unwrap();
    let state = engine.parts.iter().find(|state| state.name == part).unwrap();
    bits([params.named(), state.ema.state(), state.adam.state()].into_iter().flatten().collect())
}

/// L2 norm of all first moments of a part: after one step a tenth of the norm of its gradient.
pub(crate) fn moment_norm(engine: &StepEngine, part: PartName) -> f64 {
    let state = engine.parts.iter().find(|state| state.name == part).unwrap();
    let means = state.adam.state().into_iter().filter(|(name, _)| name.ends_with(".mean"));
    means.map(|(_, mean)| mean.square().sum(Kind::Double).double_value(&[])).sum::<f64>().sqrt()
}

/// Opens a run in `folder`.
pub(crate) fn open(config: &RunConfig, folder: &Path) -> Result<Trainer, TaskError> {
    Trainer::open(config.clone(), folder, Device::Cpu)
}

/// Trains to the end.
pub(crate) fn finish(config: &RunConfig, folder: &Path) -> Trainer {
    let mut trainer = open(config, folder).unwrap();
    assert_eq!(trainer.run(&StopFlag::new()).unwrap(), Outcome::Finished);
    trainer
}

/// Trains until `step` steps are done.
pub(crate) fn stop_at(config: &RunConfig, folder: &Path, step: u64) -> Trainer {
    let stop = StopFlag::new();
    let mut trainer = open(config, folder).unwrap();
    trainer.add_hook(Box::new(StopAt { step, stop: stop.clone() }));
    assert_eq!(trainer.run(&stop).unwrap(), Outcome::Interrupted);
    trainer
}

struct StopAt {
    step: u64,
    stop: StopFlag,
}

impl Hook for StopAt {
    fn after_step(&mut self, session: &mut Session, _: &StepReport) -> Result<(), TaskError> {
        if session.step == self.step {
            self.stop.request();
        }
        Ok(())
    }
}

/// The records of a run without those of the clock.
pub(crate) fn records_of(folder: &Path) -> Vec<Record> {
    let mut all = records::read(folder).unwrap();
    all.iter_mut().for_each(|record| record.values.retain(|name, _| !name.starts_with("time/")));
    all
}

/// The tensors and the metadata of the weights that a finished run left.
pub(crate) fn weights_of(folder: &Path) -> (BTreeMap<String, Vec<u32>>, BTreeMap<String, String>) {
    let (tensors, metadata) = lzn_torch::files::load(&folder.join("weights.safetensors")).unwrap();
    (bits(tensors.into_iter().collect()).into_iter().collect(), metadata)
}

/// Every file below a folder with its bytes, by relative path.
pub(crate) fn contents(folder: &Path) -> HashMap<String, Vec<u8>> {
    let mut all = HashMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                all.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    all
}
