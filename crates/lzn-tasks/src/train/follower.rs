//! A worker beside worker 0: it takes its part of every step, and writes nothing but what it is doing.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use lzn_torch::dist::World;
use tch::Device;

use super::alarm::{self, Alarm};
use super::monitor::{Monitor, OnStall};
use super::stage::{Pulse, Stage, within};
use super::team::{self, Next};
use super::trace::Trace;
use super::trainer::{Outcome, take_step, unless_interrupted};
use super::{Feed, Recipe, StepEngine};
use crate::TaskError;
use crate::config::RunConfig;
use crate::data::RunData;
use crate::run::StopFlag;

/// Training by one of several workers, of which [`super::Trainer`] is the first. It needs no run folder: worker 0 gives it the state to
/// start from.
pub struct Follower {
    world: World,
    config: RunConfig,
    engine: StepEngine,
    data: Option<RunData>,
    feed: Box<dyn Feed>,
    shared: bool,
    /// Known to all workers: see [`Alarm`].
    sign: CString,
    step: u64,
    /// The run folder, where there is one on this machine.
    folder: Option<PathBuf>,
    on_stall: Option<OnStall>,
    trace: Option<Trace>,
}

impl Follower {
    /// Joins the run of a configuration, which worker 0 opens at the same time.
    ///
    /// # Errors
    /// As [`super::Trainer::open`], of a folder nothing; [`TaskError::Torch`] when the exchange fails.
    pub fn open(config: RunConfig, device: Device, world: World) -> Result<Self, TaskError> {
        Self::with(Recipe::of(config, device)?, world)
    }

    /// Joins the run of a recipe.
    ///
    /// # Errors
    /// As [`Follower::open`].
    pub fn with(recipe: Recipe, world: World) -> Result<Self, TaskError> {
        let Recipe { config, model, objectives, mut feed, images: data } = recipe;
        config.check()?;
        let mut engine = StepEngine::of(model, objectives, &config.train);
        let shared = feed.share(world.rank(), world.size())?;
        team::watch_exchanges(&world);
        let (step, _) = team::share_state(&world, &mut engine, (0, 0))?;
        let sign = alarm::agree_on_sign(&world)?;
        Ok(Self { world, config, engine, data, feed, shared, sign, step, folder: None, on_stall: None, trace: None })
    }

    /// Keeps what this worker is doing in the run folder, for whoever watches, if the folder is there for it.
    #[must_use]
    pub fn in_folder(self, folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), ..self }
    }

    /// Keeps when which part of this worker's training ran.
    #[must_use]
    pub fn with_trace(self, trace: Trace) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// Calls `tell`, from another thread, with what this worker does when it takes very long; of its waiting for others, worker 0 tells.
    #[must_use]
    pub fn on_stall(self, tell: impl Fn(&str) + Send + 'static) -> Self {
        Self { on_stall: Some(Box::new(tell)), ..self }
    }

    /// Finished steps.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Takes its part until worker 0 says that it is over. If `stop` is set, all workers stop together.
    ///
    /// # Errors
    /// [`TaskError`] if a batch cannot be read, libtorch refuses an operation, or another worker has failed.
    pub fn run(&mut self, stop: &StopFlag) -> Result<Outcome, TaskError> {
        let pulse = Pulse::new(self.step);
        let (folder, on_stall) = (self.folder.as_deref(), self.on_stall.take());
        let _heart = Monitor::new(pulse.clone(), &self.world, folder, on_stall).start();
        let trace = self.trace.clone();
        pulse.watch(trace.as_ref(), || self.steps(stop, &pulse))
    }

    fn steps(&mut self, stop: &StopFlag, pulse: &Pulse) -> Result<Outcome, TaskError> {
        let Self { world, config, engine, data, feed, shared, sign, step, .. } = self;
        let mut batches = feed.steps_from(*step)?;
        let _alarm = Alarm::new(world, sign, stop)?;
        let mut patient = true;
        loop {
            let (next, stopping) = team::agree(world, None, stop.requested(), patient)?;
            patient = next == Next::Wait;
            match next {
                Next::Step if stopping => patient = true,
                Next::Step => {
                    let begin = Instant::now();
                    let Some(batch) = within(Stage::Data, "batch", || batches.next()) else {
                        return Ok(Outcome::Finished);
                    };
                    let batch = (batch?, begin);
                    within(Stage::Device, "step", || take_step((world, *shared), (engine, config), *step, batch))?;
                    *step += 1;
                    pulse.finished(*step);
                }
                Next::End if *step < config.train.iterations => return Ok(Outcome::Interrupted),
                Next::End => return Ok(Outcome::Finished),
                other => {
                    let how = (&config.evaluate, config.seed);
                    let assist = || team::assist((world, engine), data.as_ref(), other, how);
                    let watched = || within(Stage::Evaluation, "evaluation", assist);
                    unless_interrupted(stop.watch(watched))?;
                }
            }
        }
    }
}
