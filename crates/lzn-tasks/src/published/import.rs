//! From a published checkpoint to a run folder.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use lzn_data::Dataset;
use lzn_pickle::{PtFile, Value};
use tch::Device;

use super::optimizer::Moments;
use super::state::{Source, Tensors};
use super::{Named, PARTS, PREFIX, key, named, sigmas};
use crate::TaskError;
use crate::config::RunConfig;
use crate::data::open_train;
use crate::model::{Banks, Lzn, Weights, misfit};
use crate::run::{Checkpoints, RunFolder, folder};
use crate::train::{Snapshot, StepEngine};
use crate::types::PartName;

/// How a checkpoint is imported.
#[derive(Debug, Clone, Copy)]
pub struct ImportOptions {
    /// Where the networks are built.
    pub device: Device,
    /// Training images whose anchors are the company of single images; 0 for none.
    pub bank: usize,
}

/// What was imported.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Iterations that were finished.
    pub step: u64,
    /// Parts and their trainable parameters.
    pub parts: Vec<(PartName, usize)>,
    /// Names of the classes, by label; numbers where the data set could not be asked.
    pub class_names: Vec<String>,
    /// Anchors in the bank.
    pub bank: usize,
    /// Remarks: where the file and the configuration differ without harm to the weights, and what could not be done.
    pub notes: Vec<String>,
}

/// Makes the run folder `folder` out of the file `checkpoint`, whose networks `config` describes.
///
/// The folder is as `lzn train` would have left it after that many iterations: parameters, averages, Adam's moments and counters in
/// a checkpoint, the averages in `weights.safetensors`. The data set is not needed, but without it there is no anchor bank and
/// classes have numbers for names.
///
/// # Errors
/// [`TaskError::Pickle`] if the file is refused, [`TaskError::Checkpoint`] with the name of everything that is missing, left over or
/// of another shape, [`TaskError::Run`] if the folder has another use. Nothing was written then.
pub fn import(
    checkpoint: &Path,
    config: &RunConfig,
    folder: &Path,
    options: &ImportOptions,
) -> Result<Imported, TaskError> {
    config.check()?;
    let keep = NonZeroUsize::new(config.train.keep_checkpoints).unwrap_or(NonZeroUsize::MIN);
    let checkpoints = Checkpoints::new(folder::checkpoints(folder), format!("{:08x}", config.identity()), keep);
    if !checkpoints.steps()?.is_empty() {
        return Err(TaskError::AlreadyTrained { path: folder.to_owned() });
    }
    let file = PtFile::open(checkpoint)?;
    let mut notes = Vec::new();
    let data = open_data(config, &mut notes);
    let class_names = class_names(&file, config, data.as_deref());
    let model = Lzn::new(&config.model, &config.data, class_names.len(), config.seed, options.device)?;
    let mut engine = StepEngine::new(model, config)?;
    let step = fill(&file, config, &mut engine, &mut notes)?;

    let banks = match data.as_deref() {
        Some(data) => engine.with_averages(|model| Banks::of(model, data, options.bank))?,
        None => Banks::default(),
    };
    let _run = RunFolder::create(folder, &config.to_toml())?;
    // As a run of so many iterations would have left them: when the run goes on, its newer checkpoints count.
    let mut finished = config.clone();
    finished.train.iterations = step.max(1);
    Weights::save(&folder.join("weights.safetensors"), &finished, &class_names, engine.averages(), &banks)?;
    Snapshot::of(&engine, (config, &class_names), (step, 0, 1)).save(&checkpoints)?;
    let parts = engine.model.parts().into_iter().map(|(part, params)| (part, params.trainable_values())).collect();
    let bank = banks.images.map_or(0, |bank| bank.size()[0] as usize);
    Ok(Imported { step, parts, class_names, bank, notes })
}

/// The training images, if they are there.
fn open_data(config: &RunConfig, notes: &mut Vec<String>) -> Option<Arc<dyn Dataset>> {
    open_train(&config.data)
        .map_err(|error| {
            notes.push(format!(
                "the training images are not there ({error}): classes have numbers for names, images are zoned among themselves, and to \
                 go on with training the checkpoint must be imported again with the images in place"
            ));
        })
        .ok()
}

/// Those of the data set; without it, numbers, as many as there are label anchors in the file.
fn class_names(file: &PtFile, config: &RunConfig, data: Option<&dyn Dataset>) -> Vec<String> {
    if let Some(data) = data {
        return data.class_names().to_vec();
    }
    let anchors = || file.root().get(key(&PartName::LABELS))?.get(&format!("{PREFIX}anchor"))?.tensor();
    let count = config.model.labels.as_ref().and_then(|_| anchors()?.shape().first().copied());
    (0..count.unwrap_or(0)).map(|label| label.to_string()).collect()
}

/// Overwrites everything in the engine; returns the number of finished iterations.
fn fill(file: &PtFile, config: &RunConfig, engine: &mut StepEngine, notes: &mut Vec<String>) -> Result<u64, TaskError> {
    let parts: Vec<(PartName, Vec<Named>)> =
        engine.model.parts().iter().map(|(part, params)| (part.clone(), named(params))).collect();
    let mut source = Source::new(file);
    source.check_keys(&parts);
    let mut read: Vec<(Tensors, (Tensors, u64))> = Vec::new();
    for (part, names) in &parts {
        read.push((source.parameters(key(part), names)?, source.averages(key(part), names)?));
    }
    if let Some(expected) = sigmas(&config.model) {
        source.check_sigmas(key(&PartName::DECODER), &expected)?;
    }
    let moments = source.moments(&parts, notes)?;
    let step = source.need(file.root(), ("", "iteration"), "a whole number", |v| u64::try_from(v.int()?).ok());
    let Some(step) = step.filter(|_| source.problems.is_empty()) else {
        return Err(TaskError::Checkpoint { path: file.path().to_owned(), problems: source.problems });
    };
    let states = engine.model.parts().into_iter().zip(&mut engine.parts);
    for (((_, params), state), ((parameters, averages), moments)) in states.zip(read.into_iter().zip(moments)) {
        compare_course(file, config, state, &moments, step, notes);
        params.load(&parameters).map_err(misfit(file.path()))?;
        state.ema.restore(&averages.0, averages.1).map_err(misfit(file.path()))?;
        state.adam.restore(&moments.tensors, moments.updates).map_err(misfit(file.path()))?;
    }
    Ok(step)
}

impl Source<'_> {
    /// Notes keys of the whole that nothing is known about, and parts that the configuration does not have.
    fn check_keys(&mut self, parts: &[(PartName, Vec<Named>)]) {
        let Some(entries) = self.file.root().entries() else {
            return self
                .problem(format!("it holds {}, expected a dict with the parts of a model", self.file.root().kind()));
        };
        let there: Vec<(String, bool)> =
            entries.map(|(name, value)| (name.text().unwrap_or(name.kind()).to_owned(), value.is_none())).collect();
        for (name, none) in there {
            let part = PARTS.into_iter().find(|(_, key, _)| *key == name.strip_suffix("_ema").unwrap_or(&name));
            match part {
                Some((part, ..)) if none || parts.iter().any(|(ours, _)| *ours == part) => {}
                Some((.., table)) => self.problem(format!("`{name}` is there, and the configuration has no {table}")),
                None if OTHERS.contains(&name.as_str()) => {}
                None => self.problem(format!("`{name}` is no part of a published checkpoint")),
            }
        }
    }
}

/// Keys that are no parts.
const OTHERS: [&str; 5] = ["optimizer", "lr_scheduler", "epoch", "iteration", "grad_scalar"];

/// Remarks where training would go on otherwise than it would have in the published code.
fn compare_course(
    file: &PtFile,
    config: &RunConfig,
    state: &crate::train::PartState,
    moments: &Moments,
    step: u64,
    notes: &mut Vec<String>,
) {
    let part = &state.name;
    let planned = config.train.part(part);
    let ours = planned.learning_rate * config.train.rate_factor(step);
    if let Some(theirs) = moments.learning_rate.filter(|theirs| (theirs - ours).abs() > 1e-6 * ours.abs())
        && state.learns_at(step)
    {
        let keys = format!("train.{part}.learning_rate and train.warm_up");
        notes.push(format!(
            "the file goes on with learning rate {theirs:e} of the {part}, the configuration with {ours:e} ({keys})"
        ));
    }
    let ema = file.root().get(&format!("{}_ema", key(part)));
    let theirs = ema.and_then(|ema| ema.get("decay")).and_then(Value::float);
    let ours = planned.ema_decay;
    if let Some(theirs) = theirs.filter(|theirs| *theirs != ours) {
        notes.push(format!(
            "the file averages the {part} with {theirs}, the configuration with {ours} (train.{part}.ema_decay)"
        ));
    }
}
