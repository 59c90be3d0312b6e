//! Weights in a file: parameters by name, with the configuration that builds their networks.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::Path;

use lzn_torch::{TorchError, files};
use tch::{Device, Tensor};

use super::{Banks, Lzn};
use crate::TaskError;
use crate::config::{DataSource, RunConfig};
use crate::data::open_train;
use crate::run::{Checkpoints, folder};
use crate::train::{AVERAGES, PARAMETERS};

const CONFIG_KEY: &str = "lzn.config";
const CLASSES_KEY: &str = "lzn.classes";

/// A model that is ready for use, with its configuration.
#[derive(Debug)]
pub struct Weights {
    /// The configuration of the run that trained it.
    pub config: RunConfig,
    /// Names of the classes, by label.
    pub class_names: Vec<String>,
    /// The networks.
    pub model: Lzn,
}

impl Weights {
    /// Writes `tensors` (named `PART.PARAMETER`) with their configuration and banks, atomically.
    ///
    /// # Errors
    /// [`TaskError`] if the file cannot be written.
    pub fn save(
        path: &Path,
        config: &RunConfig,
        class_names: &[String],
        mut tensors: Vec<(String, Tensor)>,
        banks: &Banks,
    ) -> Result<(), TaskError> {
        let mut metadata = BTreeMap::from([
            (CONFIG_KEY.to_owned(), config.to_toml()),
            (CLASSES_KEY.to_owned(), serde_json::to_string(class_names).unwrap_or_default()),
        ]);
        banks.keep(&mut tensors, &mut metadata);
        Ok(files::save(path, &tensors, &metadata)?)
    }

    /// Reads weights and builds their networks on `device`.
    ///
    /// # Errors
    /// [`TaskError`] names the file if it is no weights file of this project, or every tensor that does not fit.
    pub fn load(path: &Path, device: Device) -> Result<Self, TaskError> {
        let (tensors, metadata) = files::load(path)?;
        Self::from_parts(path, tensors, &metadata, device)
    }

    /// Reads weights from a file, or those of a run folder: its `weights.safetensors` once it is finished; else, or if the run went on
    /// since, the newest whole checkpoint. `raw` asks for the parameters themselves instead of their averages, which only checkpoints
    /// hold.
    ///
    /// # Errors
    /// As [`Weights::load`]; [`TaskError::Run`] if the folder holds no run, and [`TaskError::NotWeights`] if it holds no checkpoint.
    pub fn open(path: &Path, raw: bool, device: Device) -> Result<Self, TaskError> {
        if !path.is_dir() {
            return Self::load(path, device);
        }
        let finished = path.join("weights.safetensors");
        if !raw && finished.exists() {
            let weights = Self::load(&finished, device)?;
            let newest = checkpoints(path, &weights.config).steps()?.last().copied();
            if newest.is_none_or(|step| step <= weights.config.train.iterations) {
                return Ok(weights);
            }
        }
        let config = RunConfig::parse(&folder::read_config(path)?, &path.join("config.toml"), &[])?;
        let none =
            || TaskError::NotWeights { path: path.to_owned(), reason: "the run has no checkpoint yet".to_owned() };
        let found = checkpoints(path, &config).latest_valid()?.ok_or_else(none)?;
        let mut weights = Self::load(&found.path.join(if raw { PARAMETERS } else { AVERAGES }), device)?;
        let banks = match open_train(&config.data) {
            Ok(train) => Banks::of(&weights.model, train.as_ref(), Banks::IMAGES)?,
            // What was imported without its images has weights ready for use, and no bank in them either.
            Err(_) if finished.exists() && Self::load(&finished, device)?.model.bank().is_none() => Banks::default(),
            Err(error) => return Err(error),
        };
        weights.model.set_banks(banks);
        Ok(weights)
    }

    /// As [`Weights::load`], from the bytes of a file.
    ///
    /// # Errors
    /// As [`Weights::load`]; `origin` is the name that errors give the bytes.
    pub fn from_bytes(bytes: &[u8], origin: &Path, device: Device) -> Result<Self, TaskError> {
        let (tensors, metadata) = files::parse(bytes, origin)?;
        Self::from_parts(origin, tensors, &metadata, device)
    }

    fn from_parts(
        path: &Path,
        mut tensors: HashMap<String, Tensor>,
        metadata: &BTreeMap<String, String>,
        device: Device,
    ) -> Result<Self, TaskError> {
        let foreign = |what: &str| TaskError::NotWeights { path: path.to_owned(), reason: what.to_owned() };
        let text = metadata.get(CONFIG_KEY).ok_or_else(|| foreign("it carries no configuration"))?;
        let names = metadata.get(CLASSES_KEY).ok_or_else(|| foreign("it carries no class names"))?;
        let class_names: Vec<String> = serde_json::from_str(names).map_err(|error| foreign(&error.to_string()))?;
        let config = RunConfig::parse(text, path, &[])?;
        let banks = Banks::take(&mut tensors, metadata, device).map_err(|reason| foreign(&reason))?;
        if config.data.source == DataSource::Custom {
            return Err(TaskError::Custom { path: path.to_owned() });
        }
        let mut model = Lzn::new(&config.model, &config.data, class_names.len(), config.seed, device)?;
        model.set_class_names(&class_names);
        model.fill(tensors, path)?;
        model.set_banks(banks);
        Ok(Self { config, class_names, model })
    }
}

impl Lzn {
    /// Reads the parameters of a model that a program has built and trained itself, and freezes them.
    ///
    /// # Errors
    /// [`TaskError`] names the file if it is no weights file of this project, or every tensor that does not fit.
    pub fn load(&self, path: &Path) -> Result<(), TaskError> {
        let (tensors, _) = files::load(path)?;
        self.fill(tensors, path)
    }

    /// Takes the parameters of all parts from tensors named `PART.PARAMETER`; `path` is where they are from, for errors.
    fn fill(&self, mut tensors: HashMap<String, Tensor>, path: &Path) -> Result<(), TaskError> {
        for (name, params) in self.parts() {
            let prefix = format!("{name}.");
            let (mine, rest) = tensors.into_iter().partition::<HashMap<_, _>, _>(|(key, _)| key.starts_with(&prefix));
            let mine = mine.into_iter().map(|(key, tensor)| (key[prefix.len()..].to_owned(), tensor)).collect();
            params.load(&mine).map_err(misfit(path))?;
            params.set_frozen(true);
            tensors = rest;
        }
        Ok(())
    }
}

/// The checkpoints of the run in `folder`, for reading.
pub(crate) fn checkpoints(folder: &Path, config: &RunConfig) -> Checkpoints {
    Checkpoints::new(folder::checkpoints(folder), format!("{:08x}", config.identity()), NonZeroUsize::MIN)
}

/// Adds the file to what a network says of its tensors.
pub(crate) fn misfit(path: &Path) -> impl FnOnce(TorchError) -> TaskError + '_ {
    move |error| match error {
        TorchError::Weights { problems } => {
            let reason = format!("its tensors do not fit its configuration: {}", problems.join("; "));
            TaskError::NotWeights { path: path.to_owned(), reason }
        }
        other => other.into(),
    }
}
