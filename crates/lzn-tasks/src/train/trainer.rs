//! The one training loop.

use std::ffi::CString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use lzn_torch::dist::World;
use tch::Device;

use super::alarm::{self, Alarm};
use super::hooks::{self, Hook};
use super::monitor::{Monitor, OnStall};
use super::stage::{Pulse, Stage, within};
use super::team::{self, Next};
use super::trace::Trace;
use super::{Feed, Recipe, StepEngine, StepReport, state};
use crate::TaskError;
use crate::config::RunConfig;
use crate::data::RunData;
use crate::objective::{Draws, Field, StepContext};
use crate::run::folder::differences;
use crate::run::{Checkpoints, Journal, RunError, RunFolder, Saver, StopFlag, digest, heartbeat};

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
    /// The processes that train together, of which this is the first.
    pub world: World,
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
    /// Where losses, metrics and pictures are recorded.
    pub recorder: Journal,
    /// The checkpoints of the run, and who writes them.
    pub saver: Saver,
    /// Time that training has waited for checkpoints: for copies of its state, and for the one before.
    pub stalled: Duration,
    /// The newest measured test accuracy, until whoever watches takes it.
    pub newest_accuracy: Option<f64>,
    /// The newest accuracies of the linear and of the nearest-neighbour probe, until whoever watches takes them.
    pub newest_probes: Option<[f64; 2]>,
    /// What is to be said loudly, until whoever watches takes it: damaged checkpoints that were passed over, disks that refuse.
    pub warnings: Vec<String>,
}

/// How long a run that has come to its end waits for a disk that refuses its last checkpoint.
const PATIENCE: Duration = Duration::from_secs(600);
/// The same of a run that was asked to stop, by somebody who may not wait longer than ten seconds in all.
const HURRY: Duration = Duration::from_secs(4);
/// Time between two tries meanwhile.
const PAUSE: Duration = Duration::from_millis(500);

/// The training loop over one session.
pub struct Trainer {
    session: Session,
    feed: Box<dyn Feed>,
    hooks: Vec<Box<dyn Hook>>,
    patience: Duration,
    trace: Option<Trace>,
    on_stall: Option<OnStall>,
    /// Whether the feed gives the share of this worker alone.
    shared: bool,
    /// Known to all workers: see [`Alarm`].
    sign: CString,
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
        Self::among(recipe, folder, World::alone())
    }

    /// The same by several processes, of which this is the first; the others are [`super::Follower`]s of the same recipe. Only this one
    /// needs the folder.
    ///
    /// # Errors
    /// As [`Trainer::open`]; [`TaskError::Shares`] or [`TaskError::Data`] if batches cannot be divided among them, [`TaskError::Torch`] when
    /// the exchange fails.
    pub fn among(recipe: Recipe, folder: &Path, world: World) -> Result<Self, TaskError> {
        let Recipe { config, model, objectives, mut feed, images: data } = recipe;
        config.check()?;
        let shared = feed.share(world.rank(), world.size())?;
        team::watch_exchanges(&world);
        let class_names = data.as_ref().map(|data| data.train.class_names().to_vec()).unwrap_or_default();
        let folder = claim(folder, &config)?;
        // The other workers begin theirs once they have the state, which comes later.
        heartbeat::clear(folder.path());
        let keep = NonZeroUsize::new(config.train.keep_checkpoints).unwrap_or(NonZeroUsize::MIN);
        let checkpoints = Checkpoints::new(folder.checkpoints(), format!("{:08x}", config.identity()), keep)
            .keeping_every(config.train.keep_every.and_then(NonZeroU64::new));
        let mut engine = StepEngine::of(model, objectives, &config.train);
        let found = checkpoints.latest_valid()?;
        let (step, skipped, workers) = match &found {
            Some(found) => state::restore(&mut engine, found)?,
            None => (0, 0, world.size()),
        };
        let (step, skipped) = team::share_state(&world, &mut engine, (step, skipped))?;
        let sign = alarm::agree_on_sign(&world)?;
        let recorder = Journal::open(folder.path(), found.as_ref().map(|found| found.step))?;
        let mut warnings = found.map(|found| found.warnings).unwrap_or_default();
        if workers != world.size() {
            warnings.push(format!(
                "the checkpoint of step {step} is of {workers} processes and goes on with {}: numbers are those of the run that was begun \
                 within rounding, no longer to the bit",
                world.size()
            ));
        }
        let hooks = hooks::standard();
        let session = Session {
            config,
            folder,
            world,
            engine,
            data,
            class_names,
            step,
            skipped,
            recorder,
            saver: Saver::new(checkpoints),
            stalled: Duration::ZERO,
            newest_accuracy: None,
            newest_probes: None,
            warnings,
        };
        Ok(Self { session, feed, hooks, patience: PATIENCE, trace: None, on_stall: None, shared, sign })
    }

    /// How long a run that has come to its end waits for a disk that refuses its last checkpoint; by default ten minutes.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Keeps when which part of training ran.
    #[must_use]
    pub fn with_trace(self, trace: Trace) -> Self {
        Self { trace: Some(trace), ..self }
    }

    /// Calls `tell`, from another thread, with what a run waits for when it waits for very long.
    #[must_use]
    pub fn on_stall(self, tell: impl Fn(&str) + Send + 'static) -> Self {
        Self { on_stall: Some(Box::new(tell)), ..self }
    }

    /// The run as it stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Adds a hook after the standard ones.
    pub fn add_hook(&mut self, hook: Box<dyn Hook>) {
        self.hooks.push(hook);
    }

    /// Trains until the last iteration or until `stop` is set; then everything is saved. Steps and evaluations that are under way when it is
    /// set are given up, where they can be within seconds, and are made up for when the run goes on.
    ///
    /// Of several processes all stop if one of them is asked to, between steps: none may leave the others in the middle of one. Evaluations
    /// they give up together. What worker 0 does after steps, the others wait for, up to the time limit of their group; it may take as long as it wants to before the first
    /// and after the last.
    ///
    /// A disk that takes no records or checkpoints does not end training: that is tried again, with warnings, to the end and some time beyond.
    ///
    /// # Errors
    /// [`TaskError`] if a batch cannot be read, libtorch refuses an operation, or the disk takes nothing in the end.
    pub fn run(&mut self, stop: &StopFlag) -> Result<Outcome, TaskError> {
        let pulse = Pulse::new(self.session.step);
        let Session { world, folder, .. } = &self.session;
        let _heart = Monitor::new(pulse.clone(), world, Some(folder.path()), self.on_stall.take()).start();
        let trace = self.trace.clone();
        pulse.watch(trace.as_ref(), || {
            let _alarm = Alarm::new(&self.session.world, &self.sign, stop)?;
            let mut outcome = watched(stop, &self.session.world.clone(), || self.steps(stop, &pulse))?;
            self.session.wait_for_me()?;
            within(Stage::Disk, "last checkpoint", || self.save(stop))?;
            let Self { session, hooks, .. } = self;
            for hook in hooks.iter_mut() {
                let end = || within(Stage::Evaluation, "results", || hook.end(session, outcome));
                match stop.watch(end) {
                    Err(error) if error.is_interruption() => outcome = Outcome::Interrupted,
                    ended => ended?,
                }
            }
            session.together(Next::End)?;
            Ok(outcome)
        })
    }

    /// The steps that are left, until `stop` is set.
    fn steps(&mut self, stop: &StopFlag, pulse: &Pulse) -> Result<Outcome, TaskError> {
        let Self { session, feed, hooks, shared, .. } = self;
        let mut batches = feed.steps_from(session.step)?;
        for hook in hooks.iter_mut() {
            unless_interrupted(stop.watch(|| hook.start(session)))?;
        }
        while session.step < session.config.train.iterations {
            if stop.requested() {
                return Ok(Outcome::Interrupted);
            }
            let begin = Instant::now();
            let Some(batch) = within(Stage::Data, "batch", || batches.next()) else { break };
            if session.agreed_to_stop(stop)? {
                return Ok(Outcome::Interrupted);
            }
            let step = within(Stage::Device, "step", || session.take_step(*shared, batch?, begin));
            let Some(report) = unless_interrupted(step)? else {
                return Ok(Outcome::Interrupted);
            };
            for hook in hooks.iter_mut() {
                unless_interrupted(stop.watch(|| hook.after_step(session, &report)))?;
            }
            session.tend()?;
            pulse.finished(session.step);
        }
        Ok(Outcome::Finished)
    }

    /// Saves the last checkpoint and all records, and waits for a disk that refuses.
    fn save(&mut self, stop: &StopFlag) -> Result<(), TaskError> {
        let begin = Instant::now();
        loop {
            let saved = self.session.save_now();
            // Hooks are told in any case: what went wrong before may have been said by nobody yet.
            for hook in &mut self.hooks {
                hook.warned(&mut self.session);
            }
            let limit = if stop.requested() { HURRY.min(self.patience) } else { self.patience };
            match saved {
                Err(TaskError::Run(error)) if error.is_of_the_disk() && begin.elapsed() < limit => thread::sleep(PAUSE),
                done => return done,
            }
        }
    }
}

/// Runs steps, which may be given up when `stop` is set, if this process is alone: one of several must not leave the others in the middle.
fn watched<T>(stop: &StopFlag, world: &World, work: impl FnOnce() -> T) -> T {
    if world.is_alone() { stop.watch(work) } else { work() }
}

/// What was done; none if it was given up because the run is to stop.
pub(super) fn unless_interrupted<T>(result: Result<T, TaskError>) -> Result<Option<T>, TaskError> {
    match result {
        Err(error) if error.is_interruption() => Ok(None),
        other => other.map(Some),
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

/// Takes step `step` on a batch that was asked for at `begin`. If it is not `shared`, it is the whole batch of all workers.
pub(super) fn take_step(
    (world, shared): (&World, bool),
    (engine, config): (&mut StepEngine, &RunConfig),
    step: u64,
    (batch, begin): (Vec<Field>, Instant),
) -> Result<StepReport, TaskError> {
    let (rank, size, before) = (world.rank(), world.size(), world.traffic().bytes);
    let batch = match shared || size == 1 {
        true => batch,
        false => batch.into_iter().map(|field| field.share(rank, size)).collect::<Result<_, _>>()?,
    };
    if size > 1 {
        batch.iter().try_for_each(Field::even)?;
    }
    let draws = Draws::of_step(config.seed, step, engine.model.device());
    // Dropout is the one draw that libtorch makes itself; its generator starts each step from a number of our own.
    let indices = [step, rank as u64, 0];
    let dropout = lzn_random::Stream::new(config.seed, lzn_random::Purpose::DROPOUT, indices).bits();
    tch::manual_seed((dropout >> 1) as i64);
    let context = StepContext::of(batch, draws).among(world);
    let data = begin.elapsed();
    let mut report = engine.step(step, &context)?;
    report.times.data = data;
    if !report.skipped && (step + 1).is_multiple_of(config.train.log_every) {
        report.values.extend(context.zones_observed()?);
    }
    report.exchanged = world.traffic().bytes - before;
    Ok(report)
}

impl Session {
    /// Takes a step on a batch that was asked for at `begin`.
    fn take_step(&mut self, shared: bool, batch: Vec<Field>, begin: Instant) -> Result<StepReport, TaskError> {
        let report = take_step((&self.world, shared), (&mut self.engine, &self.config), self.step, (batch, begin))?;
        self.step += 1;
        self.skipped += u64::from(report.skipped);
        Ok(report)
    }

    /// Has the others wait, as long as it takes, until this process has something for all of them to do again.
    ///
    /// # Errors
    /// [`TaskError::Torch`] when one of them has gone.
    pub(super) fn wait_for_me(&self) -> Result<(), TaskError> {
        self.together(Next::Wait)
    }

    /// Announces a step to the others, unless one of all was asked to stop: whoever looks at the flag then is to know.
    fn agreed_to_stop(&self, stop: &StopFlag) -> Result<bool, TaskError> {
        if self.world.is_alone() {
            return Ok(false);
        }
        let (_, stopping) = team::agree(&self.world, Some(Next::Step), stop.requested(), false)?;
        if stopping {
            stop.request();
        }
        Ok(stopping)
    }

    /// Tells the others what comes next.
    pub(super) fn together(&self, next: Next) -> Result<(), TaskError> {
        if self.world.is_alone() { Ok(()) } else { team::agree(&self.world, Some(next), false, false).map(drop) }
    }

    /// Begins to save a checkpoint of the present state, which is copied here and now; the rest happens beside training. Records go to the
    /// disk first: whoever goes on from the checkpoint does not take its steps again, so what was recorded at them must not be lost.
    ///
    /// Failures are no errors here: they are tried again, with warnings.
    pub fn save(&mut self) {
        let begin = Instant::now();
        within(Stage::Disk, "checkpoint", || {
            if self.saver.ready(self.step) {
                let job = self.snapshot().job(self.recorder.handles());
                self.saver.begin(job);
            }
        });
        self.stalled += begin.elapsed();
    }

    /// Saves records and a checkpoint of the present state, and returns when everything is on the disk.
    ///
    /// # Errors
    /// [`TaskError::Run`] if something cannot be written; earlier checkpoints are untouched, and it can be tried again.
    pub fn save_now(&mut self) -> Result<(), TaskError> {
        let restored = self.folder.restore();
        let recorded = self.recorder.flush();
        // What was begun for this or an earlier step; what became of it is in the warnings.
        let _ = self.saver.finish();
        let job = self.snapshot().job(self.recorder.handles());
        self.saver.begin(job);
        let saved = self.saver.finish();
        self.collect_warnings();
        restored?;
        Ok(saved.and(recorded)?)
    }

    fn snapshot(&self) -> state::Snapshot {
        state::Snapshot::of(
            &self.engine,
            (&self.config, &self.class_names),
            (self.step, self.skipped, self.world.size()),
        )
    }

    /// Looks after what is to be written: what failed is tried again, if it is time to.
    fn tend(&mut self) -> Result<(), TaskError> {
        if self.step.is_multiple_of(self.config.train.log_every) && unless_refused(self.folder.restore())? {
            self.warnings
                .push(format!("{} had been emptied: it is filled again from here on", self.folder.path().display()));
        }
        self.recorder.retry();
        self.saver.tend();
        self.collect_warnings();
        Ok(())
    }

    fn collect_warnings(&mut self) {
        self.warnings.extend(self.recorder.take_warnings());
        self.warnings.extend(self.saver.take_warnings());
    }
}

/// What was done, or nothing if the disk refused.
fn unless_refused(result: Result<bool, RunError>) -> Result<bool, RunError> {
    match result {
        Err(error) if error.is_of_the_disk() => Ok(false),
        other => other,
    }
}
