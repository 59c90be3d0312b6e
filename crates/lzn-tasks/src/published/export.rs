//! From a run folder to a published checkpoint.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use lzn_pickle::{Dtype, Item};
use tch::{Device, Kind, Tensor};

use super::{Named, PREFIX, SIGMAS, key, named, sigmas};
use crate::TaskError;
use crate::config::RunConfig;
use crate::data::open_train;
use crate::model::Weights;
use crate::run::{Checkpoints, RunError, folder};
use crate::train::{PARAMETERS, PartState, StepEngine, restore};

/// Writes the newest checkpoint of the run in `run` to the file `to`, in the layout of the published code; returns its step.
///
/// # Errors
/// [`TaskError::NotWeights`] if the run has no checkpoint, [`TaskError::Unpublished`] if its networks have what the published code
/// has not, [`TaskError::Run`] if the file cannot be written. What was at `to` is then as it was.
pub fn export(run: &Path, to: &Path) -> Result<u64, TaskError> {
    let config = RunConfig::parse(&folder::read_config(run)?, &run.join("config.toml"), &[])?;
    check(&config)?;
    let checkpoints =
        Checkpoints::new(folder::checkpoints(run), format!("{:08x}", config.identity()), NonZeroUsize::MIN);
    let none = || TaskError::NotWeights { path: run.to_owned(), reason: "the run has no checkpoint yet".to_owned() };
    let found = checkpoints.latest_valid()?.ok_or_else(none)?;
    let model = Weights::load(&found.path.join(PARAMETERS), Device::Cpu)?.model;
    let mut engine = StepEngine::new(model, &config)?;
    let (step, ..) = restore(&mut engine, &found)?;

    let mut tensors = Tensors::default();
    let item = whole(&config, &engine, step, &mut tensors);
    let name = to.file_stem().map_or("archive".into(), |stem| stem.to_string_lossy());
    let failed = RunError::io(to);
    let write = |file: &mut File| lzn_pickle::write(file, &name, &item, |index| tensors.bytes(index)).map_err(&failed);
    lzn_files::replace(to, &failed, write)?;
    Ok(step)
}

/// Refuses networks that the published code cannot build.
fn check(config: &RunConfig) -> Result<(), TaskError> {
    use crate::config::EncoderConfig;
    let encoder = match &config.model.encoder {
        Some(EncoderConfig::Ncsnpp(options)) => Some(options.patch_size),
        _ => None,
    };
    let decoder = config.model.decoder.as_ref().map(|options| options.patch_size);
    if config.model.normalise_anchors {
        return Err(TaskError::Unpublished { key: "model.normalise_anchors".to_owned(), value: "true".to_owned() });
    }
    if config.model.text.is_some() {
        return Err(TaskError::Unpublished { key: "model.text".to_owned(), value: "a table".to_owned() });
    }
    for (table, patch) in [("model.encoder.ncsnpp", encoder), ("model.decoder", decoder)] {
        if let Some(patch) = patch.filter(|patch| *patch != 1) {
            return Err(TaskError::Unpublished { key: format!("{table}.patch_size"), value: patch.to_string() });
        }
    }
    Ok(())
}

/// Tensors by the indices under which they are written.
#[derive(Debug, Default)]
struct Tensors(Vec<Tensor>);

impl Tensors {
    fn item(&mut self, tensor: Tensor) -> Item {
        let dtype = if tensor.kind() == Kind::Double { Dtype::F64 } else { Dtype::F32 };
        let shape = tensor.size().iter().map(|n| *n as usize).collect();
        self.0.push(tensor);
        Item::Tensor { dtype, shape, index: self.0.len() - 1 }
    }

    fn bytes(&self, index: usize) -> io::Result<Vec<u8>> {
        let tensor = self.0[index].detach().to_device(Device::Cpu).contiguous();
        let size = if tensor.kind() == Kind::Double { 8 } else { 4 };
        let mut bytes = vec![0; tensor.numel() * size];
        tensor.copy_data_u8(&mut bytes, tensor.numel());
        Ok(bytes)
    }
}

fn dict(entries: Vec<(impl Into<String>, Item)>) -> Item {
    Item::Dict(entries.into_iter().map(|(name, item)| (Item::text(name), item)).collect())
}

fn whole(config: &RunConfig, engine: &StepEngine, step: u64, tensors: &mut Tensors) -> Item {
    let models: Vec<_> = engine.model.parts().into_iter().map(|(_, params)| params).collect();
    let names: Vec<Vec<Named>> = models.iter().map(named).collect();
    let mut entries = Vec::new();
    for ((state, params), names) in engine.parts.iter().zip(&models).zip(&names) {
        let mut parameters: Vec<(Item, Item)> = Vec::new();
        if key(&state.name) == "decoder"
            && let Some(sigmas) = sigmas(&config.model)
        {
            parameters.push((Item::text(format!("{PREFIX}{SIGMAS}")), tensors.item(Tensor::from_slice(&sigmas))));
        }
        for ((_, tensor), name) in params.named().into_iter().zip(names) {
            parameters.push((Item::text(format!("{PREFIX}{}", name.published)), tensors.item(tensor)));
        }
        entries.push((key(&state.name).to_owned(), Item::OrderedDict(parameters)));
        let shadow = state.ema.state().into_iter().map(|(_, tensor)| tensors.item(tensor)).collect();
        let ema = vec![
            ("decay", Item::Float(config.train.part(&state.name).ema_decay)),
            ("num_updates", Item::Int(state.ema.updates() as i64)),
            ("shadow_params", Item::List(shadow)),
        ];
        entries.push((format!("{}_ema", key(&state.name)), dict(ema)));
    }
    entries.push(("optimizer".to_owned(), optimizer(config, engine, &names, step, tensors)));
    entries.push(("lr_scheduler".to_owned(), scheduler(config, engine, step)));
    entries.push(("epoch".to_owned(), Item::Int(epoch(config, step))));
    entries.push(("iteration".to_owned(), Item::Int(step as i64)));
    entries.push(("grad_scalar".to_owned(), Item::Dict(Vec::new())));
    dict(entries)
}

/// Finished passes through the training images; 0 where these are not there.
fn epoch(config: &RunConfig, step: u64) -> i64 {
    let batches = open_train(&config.data).map_or(0, |data| data.len() / config.train.batch_size);
    step.checked_div(batches as u64).unwrap_or(0) as i64
}

/// Settings of PyTorch's Adam at their defaults, as its state has them.
const DEFAULTS: [(&str, Item); 7] = [
    ("weight_decay", Item::Int(0)),
    ("amsgrad", Item::Bool(false)),
    ("maximize", Item::Bool(false)),
    ("foreach", Item::None),
    ("capturable", Item::Bool(false)),
    ("differentiable", Item::Bool(false)),
    ("fused", Item::None),
];

/// Parameters are numbered through all parts; those that do not learn have a number and no state.
fn optimizer(config: &RunConfig, engine: &StepEngine, names: &[Vec<Named>], step: u64, tensors: &mut Tensors) -> Item {
    let (mut groups, mut states) = (Vec::new(), Vec::new());
    let mut number = 0;
    for (state, names) in engine.parts.iter().zip(names) {
        let numbers = number..number + names.len() as i64;
        number = numbers.end;
        let trainable = numbers.clone().zip(names).filter(|(_, name)| name.trainable).map(|(number, _)| number);
        states.extend(moments(state, trainable, tensors));
        let rate = config.train.part(&state.name).learning_rate;
        let mut group = vec![
            ("lr", Item::Float(rate * config.train.rate_factor(step))),
            ("betas", Item::Tuple(vec![Item::Float(0.9), Item::Float(0.999)])),
            ("eps", Item::Float(1e-8)),
        ];
        group.extend(DEFAULTS);
        group.push(("initial_lr", Item::Float(rate)));
        group.push(("params", Item::List(numbers.map(Item::Int).collect())));
        groups.push(dict(group));
    }
    dict(vec![("state", Item::Dict(states)), ("param_groups", Item::List(groups))])
}

fn moments(state: &PartState, numbers: impl Iterator<Item = i64>, tensors: &mut Tensors) -> Vec<(Item, Item)> {
    let updates = state.adam.updates();
    let moments = state.adam.state();
    let (pairs, _) = moments.as_chunks::<2>();
    let mut entry = |(number, [(_, mean), (_, square)]): (i64, &[(String, Tensor); 2])| {
        let step = Tensor::from(updates as f32);
        let state = vec![
            ("step", tensors.item(step)),
            ("exp_avg", tensors.item(mean.shallow_clone())),
            ("exp_avg_sq", tensors.item(square.shallow_clone())),
        ];
        (Item::Int(number), dict(state))
    };
    // Before the first step PyTorch has no moments at all.
    numbers.zip(pairs).filter(|_| updates > 0).map(&mut entry).collect()
}

/// The linear warm-up of the learning rates.
fn scheduler(config: &RunConfig, engine: &StepEngine, step: u64) -> Item {
    let rates = |factor: f64| {
        let rate = |state: &PartState| Item::Float(config.train.part(&state.name).learning_rate * factor);
        Item::List(engine.parts.iter().map(rate).collect())
    };
    let warm_up = &config.train.warm_up;
    dict(vec![
        ("start_factor", Item::Float(warm_up.start_factor)),
        ("end_factor", Item::Float(1.0)),
        ("total_iters", Item::Int(warm_up.iterations as i64)),
        ("base_lrs", rates(1.0)),
        ("last_epoch", Item::Int(step as i64)),
        ("_step_count", Item::Int(step as i64 + 1)),
        ("_is_initial", Item::Bool(false)),
        ("_get_lr_called_within_step", Item::Bool(false)),
        ("_last_lr", rates(config.train.rate_factor(step))),
    ])
}
