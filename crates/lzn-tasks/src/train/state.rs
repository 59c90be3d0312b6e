//! What a checkpoint holds: everything that the next step depends on.
//!
//! Random draws are functions of seed and step, and batches of step alone, so beside tensors only counters are needed.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use lzn_torch::files;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::{Scaler, StepEngine};
use crate::TaskError;
use crate::config::RunConfig;
use crate::model::{Banks, Weights, misfit};
use crate::run::saver::Job;
use crate::run::{CheckpointFile, Checkpoints, Found};
use crate::types::PartName;

/// Raw parameters, as a weights file.
pub(crate) const PARAMETERS: &str = "parameters.safetensors";
/// Moving averages, as a weights file.
pub(crate) const AVERAGES: &str = "averages.safetensors";
const MOMENTS: &str = "optimizer.safetensors";
/// What objectives carry from step to step, if they do.
const OBJECTIVES: &str = "objectives.safetensors";
const STATE: &str = "state.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    step: u64,
    skipped: u64,
    /// Processes that trained.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    workers: usize,
    parts: HashMap<String, Updates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scaler: Option<Scaler>,
}

/// How often each part has been updated, in their order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Counts(Vec<Updates>);

impl Counts {
    /// Those of an engine.
    pub(super) fn of(engine: &StepEngine) -> Self {
        Self(engine.parts.iter().map(Updates::of).collect())
    }

    /// Puts them into an engine of the same parts.
    pub(super) fn restore(&self, engine: &mut StepEngine) {
        for (part, updates) in engine.parts.iter_mut().zip(&self.0) {
            part.adam.set_updates(updates.adam);
            part.ema.set_updates(updates.ema);
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Updates {
    adam: i32,
    ema: u64,
}

impl StepEngine {
    /// All parameters as `PART.NAME`.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let named = |(part, params): (PartName, lzn_torch::ParamStore)| {
            params.named().into_iter().map(move |(name, tensor)| (format!("{part}.{name}"), tensor))
        };
        self.model.parts().into_iter().flat_map(named).collect()
    }

    /// [`StepEngine::parameters`] with the moving averages in the place of what is averaged.
    pub fn averages(&self) -> Vec<(String, Tensor)> {
        let state = |part: &super::PartState| {
            let name = part.name.clone();
            part.ema.state().into_iter().map(move |(key, tensor)| (format!("{name}.{key}"), tensor))
        };
        let averaged: HashMap<String, Tensor> = self.parts.iter().flat_map(state).collect();
        let replace = |(name, raw): (String, Tensor)| match averaged.get(&name) {
            Some(average) => (name, average.shallow_clone()),
            None => (name, raw),
        };
        self.parameters().into_iter().map(replace).collect()
    }

    /// Every tensor that the next step depends on: parameters, averages, moments, and what objectives carry.
    pub(super) fn tensors(&self) -> Vec<(String, Tensor)> {
        let averages = self.parts.iter().flat_map(|part| part.ema.state());
        self.parameters().into_iter().chain(averages).chain(self.moments()).chain(self.objective_state()).collect()
    }

    fn moments(&self) -> Vec<(String, Tensor)> {
        let state = |part: &super::PartState| {
            let name = part.name.clone();
            part.adam.state().into_iter().map(move |(key, tensor)| (format!("{name}.{key}"), tensor))
        };
        self.parts.iter().flat_map(state).collect()
    }
}

impl Updates {
    fn of(part: &super::PartState) -> Self {
        Self { adam: part.adam.updates(), ema: part.ema.updates() }
    }
}

fn one() -> usize {
    1
}

fn is_one(workers: &usize) -> bool {
    *workers == 1
}

/// A run at one step, in main memory and apart from the run, which may go on: what a checkpoint is written from.
pub(crate) struct Snapshot {
    step: u64,
    files: Vec<CheckpointFile<'static>>,
}

impl Snapshot {
    /// The run of `config`, with these names of its classes, after `step` steps, of which `skipped` changed nothing.
    pub(crate) fn of(
        engine: &StepEngine,
        (config, class_names): (&RunConfig, &[String]),
        (step, skipped, workers): (u64, u64, usize),
    ) -> Self {
        let updates = |part: &super::PartState| (part.name.to_string(), Updates::of(part));
        let state =
            State { step, skipped, workers, parts: engine.parts.iter().map(updates).collect(), scaler: engine.scaler };
        let state = serde_json::to_string_pretty(&state).unwrap_or_default();
        let weights = |name, tensors| {
            let (tensors, config, class_names) = (copies(tensors), config.clone(), class_names.to_vec());
            CheckpointFile::new(name, move |path: &Path| {
                Weights::save(path, &config, &class_names, shares(&tensors), &Banks::default())
            })
        };
        let plain = |name, tensors| {
            let tensors = copies(tensors);
            CheckpointFile::new(name, move |path: &Path| files::save(path, &tensors, &Default::default()))
        };
        let mut files = vec![
            weights(PARAMETERS, engine.parameters()),
            weights(AVERAGES, engine.averages()),
            plain(MOMENTS, engine.moments()),
            CheckpointFile::new(STATE, move |path: &Path| std::fs::write(path, &state)),
        ];
        let objectives = engine.objective_state();
        if !objectives.is_empty() {
            files.push(plain(OBJECTIVES, objectives));
        }
        Self { step, files }
    }

    /// Saves a checkpoint, here and now.
    ///
    /// # Errors
    /// [`TaskError::Run`] if it cannot be written; earlier checkpoints are untouched.
    pub(crate) fn save(&self, checkpoints: &Checkpoints) -> Result<(), TaskError> {
        checkpoints.save(self.step, &self.files)?;
        Ok(())
    }

    /// As work for a [`crate::run::Saver`], which has `first` on the disk before.
    pub(crate) fn job(self, first: Vec<(PathBuf, File)>) -> Job {
        Job { step: self.step, files: self.files, first }
    }
}

/// The same values in main memory, in tensors of their own.
fn copies(tensors: Vec<(String, Tensor)>) -> Vec<(String, Tensor)> {
    let copy = |tensor: Tensor| match tensor.device() {
        Device::Cpu => tensor.detach().copy(),
        _ => tensor.detach().to_device(Device::Cpu),
    };
    tensors.into_iter().map(|(name, tensor)| (name, copy(tensor))).collect()
}

fn shares(tensors: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
}

/// Restores a checkpoint; returns its step, how many steps were skipped until then, and how many processes had trained.
///
/// # Errors
/// [`TaskError`] names the file that does not fit.
pub(crate) fn restore(engine: &mut StepEngine, found: &Found) -> Result<(u64, u64, usize), TaskError> {
    let path = found.path.join(STATE);
    let text = std::fs::read_to_string(&path).map_err(crate::run::RunError::io(&path))?;
    let state: State = serde_json::from_str(&text)
        .map_err(|error| TaskError::NotWeights { path: path.clone(), reason: error.to_string() })?;
    let read = |file: &str| Ok::<_, TaskError>(files::load(&found.path.join(file))?.0);
    let (parameters, averages, moments) = (read(PARAMETERS)?, read(AVERAGES)?, read(MOMENTS)?);
    for (name, params) in engine.model.parts() {
        params.load(&of_part(&parameters, &name)).map_err(misfit(&found.path.join(PARAMETERS)))?;
    }
    for part in &mut engine.parts {
        let updates = state.parts.get(part.name.as_str());
        let updates = updates
            .ok_or_else(|| TaskError::NotWeights { path: path.clone(), reason: format!("no part `{}`", part.name) })?;
        let (moments, averages) = (of_part(&moments, &part.name), of_part(&averages, &part.name));
        part.adam.restore(&moments, updates.adam).map_err(misfit(&found.path.join(MOMENTS)))?;
        part.ema.restore(&averages, updates.ema).map_err(misfit(&found.path.join(AVERAGES)))?;
    }
    let carried = engine.objective_state();
    if !carried.is_empty() {
        super::copy_all(&carried, &read(OBJECTIVES)?).map_err(misfit(&found.path.join(OBJECTIVES)))?;
    }
    // A run that changed its precision begins with a fresh one, or needs none.
    engine.scaler = engine.scaler.map(|fresh| state.scaler.unwrap_or(fresh));
    Ok((state.step, state.skipped, state.workers))
}

fn of_part(tensors: &HashMap<String, Tensor>, part: &PartName) -> HashMap<String, Tensor> {
    let prefix = format!("{part}.");
    let own = |(name, tensor): (&String, &Tensor)| {
        name.strip_prefix(&prefix).map(|name| (name.to_owned(), tensor.shallow_clone()))
    };
    tensors.iter().filter_map(own).collect()
}
