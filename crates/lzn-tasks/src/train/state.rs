//! What a checkpoint holds: everything that the next step depends on.
//!
//! Random draws are functions of seed and step, and batches of step alone, so beside tensors only counters are needed.

use std::collections::HashMap;
use std::path::Path;

use lzn_torch::files;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::StepEngine;
use crate::TaskError;
use crate::config::RunConfig;
use crate::model::{Banks, Weights, misfit};
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
    parts: HashMap<String, Updates>,
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

    fn moments(&self) -> Vec<(String, Tensor)> {
        let state = |part: &super::PartState| {
            let name = part.name.clone();
            part.adam.state().into_iter().map(move |(key, tensor)| (format!("{name}.{key}"), tensor))
        };
        self.parts.iter().flat_map(state).collect()
    }
}

/// A run at one step.
pub(crate) struct Snapshot<'a> {
    /// Model, optimizers and averages.
    pub(crate) engine: &'a StepEngine,
    /// The resolved configuration.
    pub(crate) config: &'a RunConfig,
    /// Names of the classes, by label.
    pub(crate) class_names: &'a [String],
    /// Finished steps.
    pub(crate) step: u64,
    /// Those among them that changed nothing.
    pub(crate) skipped: u64,
}

impl Snapshot<'_> {
    /// Saves a checkpoint.
    ///
    /// # Errors
    /// [`TaskError::Run`] if it cannot be written; earlier checkpoints are untouched.
    pub(crate) fn save(&self, checkpoints: &Checkpoints) -> Result<(), TaskError> {
        let weights = |tensors: Vec<(String, Tensor)>| {
            move |path: &Path| {
                let copy = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
                Weights::save(path, self.config, self.class_names, copy, &Banks::default())
            }
        };
        let moments = self.engine.moments();
        let updates = |part: &super::PartState| {
            (part.name.to_string(), Updates { adam: part.adam.updates(), ema: part.ema.updates() })
        };
        let parts = self.engine.parts.iter().map(updates).collect();
        let state = State { step: self.step, skipped: self.skipped, parts };
        let state = serde_json::to_string_pretty(&state).unwrap_or_default();
        let objectives = self.engine.objective_state();
        let mut all = vec![
            CheckpointFile::new(PARAMETERS, weights(self.engine.parameters())),
            CheckpointFile::new(AVERAGES, weights(self.engine.averages())),
            CheckpointFile::new(MOMENTS, |path: &Path| files::save(path, &moments, &Default::default())),
            CheckpointFile::new(STATE, |path: &Path| std::fs::write(path, &state)),
        ];
        if !objectives.is_empty() {
            let save = |path: &Path| files::save(path, &objectives, &Default::default());
            all.push(CheckpointFile::new(OBJECTIVES, save));
        }
        checkpoints.save(self.step, &all)?;
        Ok(())
    }
}

/// Restores a checkpoint; returns its step and how many steps were skipped until then.
///
/// # Errors
/// [`TaskError`] names the file that does not fit.
pub(crate) fn restore(engine: &mut StepEngine, found: &Found) -> Result<(u64, u64), TaskError> {
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
    Ok((state.step, state.skipped))
}

fn of_part(tensors: &HashMap<String, Tensor>, part: &PartName) -> HashMap<String, Tensor> {
    let prefix = format!("{part}.");
    let own = |(name, tensor): (&String, &Tensor)| {
        name.strip_prefix(&prefix).map(|name| (name.to_owned(), tensor.shallow_clone()))
    };
    tensors.iter().filter_map(own).collect()
}
