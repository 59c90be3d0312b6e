//! The one training loop.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use tch::Device;

use super::hooks::{self, Hook};
use super::{Feed, Recipe, StepEngine, StepReport, state};
use crate::TaskError;
use crate::config::RunConfig;
use crate::data::RunData;
use crate::objective::{Draws, Field, StepContext};
use crate::run::folder::differences;
use crate::run::{Checkpoints, Recorder, RunError, RunFolder, StopFlag, digest};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All iterations are done.
    Finished,
    /// Somebody asked it to stop; everything is saved.
    Interrupted,
}

/// A run in progress: what hooks see and may use.
pub struct Session {
    /// The resolved configuration.
    pub config: RunConfig,
    /// The folder, locked for this process.
    pub folder: RunFolder,
    /// Model, optimizers and averages.
    pub engine: StepEngine,
    /// The data sets of images, if there are any.
    pub data: Option<RunData>,
    /// Names of the classes, by label; empty without.
    pub class_names: Vec<String>,
    /// Finished steps.
    pub step: u64,
    /// Steps skipped because their loss or gradient was not finite.
    pub skipped: u64,
    /// Where losses and metrics are recorded.
    pub recorder: Recorder,
    /// The checkpoints of the run.
    pub checkpoints: Checkpoints,
    /// The newest measured test accuracy, until whoever watches takes it.
    pub newest_accuracy: Option<f64>,
    /// The newest accuracies of the linear and of the nearest-neighbour probe, until whoever watches takes them.
    pub newest_probes: Option<[f64; 2]>,
    /// Remarks about damaged checkpoints that were passed over, for whoever watches.
    pub warnings: Vec<String>,
}

/// The training loop over one session.
pub struct Trainer {
    session: Session,
    feed: Box<dyn Feed>,
    hooks: Vec<Box<dyn Hook>>,
}

impl Trainer {
    /// Opens the run of a configuration in `folder`: a new one, or the continuation of what its last checkpoint holds.
    ///
    /// # Errors
    /// [`TaskError`] if the configuration does not suit the data, the folder belongs to another run or process, or all
    /// its checkpoints are damaged.
    pub fn open(config: RunConfig, folder: &Path, device: Device) -> Result<Self, TaskError> {
        // Before anything is written: what the data cannot give, such as a batch larger than itself, is refused here.
        Self::with(Recipe::of(config, device)?, folder)
    }

    /// Opens the run of a recipe in `folder`: a new one, or the continuation of what its last checkpoint holds.
    ///
    /// # Errors
    /// As [`Trainer::open`].
    pub fn with(recipe: Recipe, folder: &Path) -> Result<Self, TaskError> {
        let Recipe { config, model, objectives, feed, images: data } = recipe;
        config.check()?;
        let class_names = data.as_ref().map(|data| data.train.class_names().to_vec()).unwrap_or_default();
        let folder = claim(folder, &config)?;
        let keep = NonZeroUsize::new(config.train.keep_checkpoints).unwrap_or(NonZeroUsize::MIN);
        let checkpoints = Checkpoints::new(folder.checkpoints(), format!("{:08x}", config.identity()), keep);
        let mut engine = StepEngine::of(model, objectives, &config.train);
        let found = checkpoints.latest_valid()?;
        let (step, skipped) = match &found {
            Some(found) => state::restore(&mut engine, found)?,
            None => (0, 0),
        };
        let recorder = Recorder::open(folder.path(), found.as_ref().map(|found| found.step))?;
        let warnings = found.map(|found| found.warnings).unwrap_or_default();
        let hooks = hooks::standard();
        let session = Session {
            config,
            folder,
            engine,
            data,
            class_names,
            step,
            skipped,
            recorder,
            checkpoints,
            newest_accuracy: None,
            newest_probes: None,
            warnings,
        };
        Ok(Self { session, feed, hooks })
    }

    /// The run as it stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Adds a hook after the standard ones.
    pub fn add_hook(&mut self, hook: Box<dyn Hook>) {
        self.hooks.push(hook);
    }

    /// Trains until the last iteration or until `stop` is set; then everything is saved.
    ///
    /// # Errors
    /// [`TaskError`] if a batch cannot be read, a file cannot be written, or libtorch refuses an operation.
    pub fn run(&mut self, stop: &StopFlag) -> Result<Outcome, TaskError> {
        let Self { session, feed, hooks } = self;
        let mut batches = feed.steps_from(session.step)?;
        for hook in hooks.iter_mut() {
            hook.start(session)?;
        }
        let mut outcome = Outcome::Finished;
        while session.step < session.config.train.iterations {
            if stop.requested() {
                outcome = Outcome::Interrupted;
                break;
            }
            let begin = Instant::now();
            let Some(batch) = batches.next() else { break };
            let report = session.take_step(batch?, begin)?;
            for hook in hooks.iter_mut() {
                hook.after_step(session, &report)?;
            }
        }
        session.save()?;
        for hook in hooks.iter_mut() {
            hook.end(session, outcome)?;
        }
        Ok(outcome)
    }
}

/// Claims the folder for a new run, or for the continuation of one whose networks, data and objectives are the same.
fn claim(path: &Path, config: &RunConfig) -> Result<RunFolder, TaskError> {
    let text = config.to_toml();
    let Ok(there) = crate::run::folder::read_config(path) else {
        return Ok(RunFolder::create(path, &text)?);
    };
    let Ok(theirs) = RunConfig::parse(&there, path, &[]) else {
        return Ok(RunFolder::create(path, &text)?);
    };
    if theirs.identity() != config.identity() {
        // What may change is not to blame, so it is not named.
        let differences = differences(&theirs.lasting_toml(), &config.lasting_toml());
        let (theirs, ours) = (digest(&there), digest(&text));
        return Err(RunError::OtherRun { path: path.to_owned(), theirs, ours, differences }.into());
    }
    let mut folder = RunFolder::open(path)?;
    folder.replace_config(&text)?;
    Ok(folder)
}

impl Session {
    /// Takes a step on a batch that was asked for at `begin`.
    fn take_step(&mut self, batch: Vec<Field>, begin: Instant) -> Result<StepReport, TaskError> {
        let draws = Draws::of_step(self.config.seed, self.step, self.engine.model.device());
        // Dropout is the one draw that libtorch makes itself; its generator starts each step from a number of our own.
        let dropout = lzn_random::Stream::new(self.config.seed, lzn_random::Purpose::DROPOUT, [self.step, 0, 0]).bits();
        tch::manual_seed((dropout >> 1) as i64);
        let context = StepContext::of(batch, draws);
        let data = begin.elapsed();
        let mut report = self.engine.step(self.step, &context)?;
        report.times.data = data;
        self.step += 1;
        if !report.skipped && self.step.is_multiple_of(self.config.train.log_every) {
            report.values.extend(context.zones_observed()?);
        }
        self.skipped += u64::from(report.skipped);
        Ok(report)
    }

    /// Saves a checkpoint of the present state. Records go to the disk first: whoever goes on from the checkpoint does not take
    /// its steps again, so what was recorded at them must not be lost.
    ///
    /// # Errors
    /// [`TaskError::Run`] if something cannot be written; earlier checkpoints are untouched.
    pub fn save(&self) -> Result<(), TaskError> {
        self.recorder.sync()?;
        let Self { engine, config, class_names, step, skipped, .. } = self;
        state::Snapshot { engine, config, class_names, step: *step, skipped: *skipped }.save(&self.checkpoints)
    }
}
