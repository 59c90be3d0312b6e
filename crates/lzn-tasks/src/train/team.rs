//! What several workers do together beside steps: worker 0 says what comes next, the others do it with it.
//!
//! Worker 0 alone needs the run folder: it records, saves, evaluates and draws. The others follow: before each step all of them say
//! whether they were asked to stop, and worker 0 what is next.

use std::time::Duration;

use lzn_torch::TorchError;
use lzn_torch::dist::{Reduce, World};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::stage::{Stage, enter, within};
use super::{Scaler, StepEngine, state};
use crate::TaskError;
use crate::config::EvaluateConfig;
use crate::data::RunData;
use crate::evaluate::{self, ClassWeights, ClassifyOptions, Encoded};

/// How long the others wait for worker 0 while it does something alone, such as drawing samples or waiting for a disk. If it ends
/// meanwhile, they know at once.
const ALONE: Duration = Duration::from_secs(24 * 60 * 60);

/// What all workers do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A step.
    Step,
    /// Encode so many images of the training set.
    EncodeTrain(usize),
    /// Encode so many images of the test set.
    EncodeTest(usize),
    /// Classify so many images of the test set.
    Classify(usize),
    /// Wait: worker 0 has something long to do alone.
    Wait,
    /// Nothing more: training is over, or it is to stop.
    End,
}

impl Next {
    fn numbers(self) -> [i64; 2] {
        let count = |images| i64::try_from(images).unwrap_or(i64::MAX);
        match self {
            Self::Step => [1, 0],
            Self::EncodeTrain(images) => [2, count(images)],
            Self::EncodeTest(images) => [3, count(images)],
            Self::Classify(images) => [4, count(images)],
            Self::Wait => [5, 0],
            Self::End => [6, 0],
        }
    }

    fn of(numbers: [i64; 2]) -> Self {
        let images = numbers[1].max(0) as usize;
        match numbers[0] {
            1 => Self::Step,
            2 => Self::EncodeTrain(images),
            3 => Self::EncodeTest(images),
            4 => Self::Classify(images),
            5 => Self::Wait,
            _ => Self::End,
        }
    }
}

/// Worker 0's word on what comes next, and whether any worker was asked to stop. The others give no `next`, and wait as long as
/// `patient` says.
pub(super) fn agree(world: &World, next: Option<Next>, stop: bool, patient: bool) -> Result<(Next, bool), TaskError> {
    let Some(group) = world.group() else { return Ok((next.unwrap_or(Next::End), stop)) };
    let [code, images] = next.map_or([0, 0], Next::numbers);
    let mut all = Tensor::from_slice(&[code, images, i64::from(stop)]);
    let limit = if patient { ALONE.max(group.limit()) } else { group.limit() };
    let meet = || {
        let met = group.all_reduce_within(&mut all, Reduce::Max, limit);
        met.map(|()| [0, 1, 2].map(|i| all.int64_value(&[i])))
    };
    let [code, images, stop] = within(Stage::Network, "what is next", meet).map_err(TorchError::from)?;
    Ok((Next::of([code, images]), stop != 0))
}

/// Where a run stands, beside its tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Counters {
    step: u64,
    skipped: u64,
    counts: state::Counts,
    scaler: Option<Scaler>,
}

/// Has what this worker waits for in exchanges be a stage of its own.
pub(super) fn watch_exchanges(world: &World) {
    world.watched_by(|operation| enter(Stage::Network, operation));
}

/// Gives the state that worker 0 has restored to all; returns how many steps are finished and how many of them were skipped.
pub(super) fn share_state(
    world: &World,
    engine: &mut StepEngine,
    (step, skipped): (u64, u64),
) -> Result<(u64, u64), TaskError> {
    if world.is_alone() {
        return Ok((step, skipped));
    }
    let own = Counters { step, skipped, counts: state::Counts::of(engine), scaler: engine.scaler };
    let text = serde_json::to_vec(&own).unwrap_or_default();
    let text = world.bytes_of_first(&text).map_err(TorchError::from)?;
    let counters: Counters = serde_json::from_slice(&text).map_err(|error| TaskError::Shares {
        problem: format!("worker 0 sent a state that cannot be read: {error}"),
        remedy: "start all workers with the same program",
    })?;
    let tensors: Vec<Tensor> = engine.tensors().into_iter().map(|(_, tensor)| tensor).collect();
    world.broadcast(&tensors, 0).map_err(TorchError::from)?;
    counters.counts.restore(engine);
    engine.scaler = counters.scaler;
    Ok((counters.step, counters.skipped))
}

/// Encodes images of the averaged model, all workers together.
pub(super) fn encode(
    (world, engine): (&World, &mut StepEngine),
    data: &dyn lzn_data::Dataset,
    images: usize,
) -> Result<Encoded, TaskError> {
    engine.with_averages(|model| Encoded::among(world, model, data, images))
}

/// Classifies test images with the averaged model, all workers together.
pub(super) fn classify(
    (world, engine): (&World, &mut StepEngine),
    data: &dyn lzn_data::Dataset,
    (config, images, seed): (&EvaluateConfig, usize, u64),
) -> Result<lzn_eval::Confusion, TaskError> {
    let (batch_size, noise_scale) = (config.batch_size, config.noise_scale);
    let options = ClassifyOptions { images, batch_size, noise_scale, class_weights: ClassWeights::Training, seed };
    engine.with_averages(|model| evaluate::classify_among(world, model, data, options))
}

/// Does a worker's part of what worker 0 evaluates.
pub(super) fn assist(
    (world, engine): (&World, &mut StepEngine),
    data: Option<&RunData>,
    next: Next,
    (config, seed): (&EvaluateConfig, u64),
) -> Result<(), TaskError> {
    let Some(data) = data else { return Ok(()) };
    match (next, &data.test) {
        (Next::EncodeTrain(images), _) => encode((world, engine), data.train.as_ref(), images).map(drop),
        (Next::EncodeTest(images), Some(test)) => encode((world, engine), test.as_ref(), images).map(drop),
        (Next::Classify(images), Some(test)) => {
            classify((world, engine), test.as_ref(), (config, images, seed)).map(drop)
        }
        _ => Ok(()),
    }
}
