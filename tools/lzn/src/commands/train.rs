//! `lzn train` and `lzn resume`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use lzn_data::{Augment, BatchPlan};
use lzn_tasks::Lzn;
use lzn_tasks::config::RunConfig;
use lzn_tasks::data::RunData;
use lzn_tasks::run::{StopFlag, folder};
use lzn_tasks::train::trace::Trace;
use lzn_tasks::train::{Follower, Outcome, Recipe, Trainer};
use lzn_torch::dist::{Backend, Launch, World};
use tch::Device;

use super::{launch, trial};
use crate::cli::{Compute, ResumeArgs, TrainArgs, WorkersArgs};
use crate::model::device;
use crate::say::{explained, note, say};
use crate::watch::Watch;

/// Classes of labels where the data set is not there to count them: those of CIFAR-10.
const ASSUMED_CLASSES: usize = 10;

/// Exit status of a run that was asked to stop: by convention 128 + SIGINT.
pub(super) const INTERRUPTED: u8 = 130;

/// Trains as a configuration file says.
pub(crate) fn train(args: &TrainArgs) -> Result<ExitCode> {
    let config = RunConfig::load(&args.config, &args.sets)?;
    if args.dry_run {
        return dry_run(&config, args);
    }
    let name = args.config.file_stem().unwrap_or_default();
    let folder = args.run.clone().unwrap_or_else(|| PathBuf::from("runs").join(name));
    run(config, &folder, (&args.compute, &args.workers, args.profile))
}

/// Goes on with a run as its own configuration says.
pub(crate) fn resume(args: &ResumeArgs) -> Result<ExitCode> {
    let text = folder::read_config(&args.run)?;
    let config = RunConfig::parse(&text, &args.run.join("config.toml"), &args.sets)?;
    run(config, &args.run, (&args.compute, &args.workers, false))
}

/// Where to compute, with whom, and whether to say what the parts of steps take.
type How<'a> = (&'a Compute, &'a WorkersArgs, bool);

fn run(config: RunConfig, folder: &Path, (compute, workers, profile): How<'_>) -> Result<ExitCode> {
    let launched = Launch::from_env()?;
    if let (None, Some(count @ 2..)) = (&launched, workers.processes) {
        return launch::launch(count, compute.threads.is_some());
    }
    let stop = StopFlag::on_signals()?;
    launch::obey(&stop)?;
    let (world, device) = join(launched.as_ref(), compute, workers)?;
    let trace = profile.then(Trace::new);
    if !world.is_first() {
        return follow(config, (device, world), folder, (trace, &stop));
    }
    let mut trainer = Trainer::among(Recipe::of(config, device)?, folder, world)?;
    trainer = trainer.on_stall(stalled);
    if let Some(trace) = &trace {
        trainer = trainer.with_trace(trace.clone());
    }
    trainer.add_hook(Box::new(Watch::new(profile)));
    let run = folder.display();
    let outcome = trainer.run(&stop);
    if let Some(trace) = trace {
        write_trace(&trace, folder, 0)?;
    }
    let outcome = outcome.map_err(|error| {
        anyhow!("{}\ntraining stopped; what was saved is safe, go on with: lzn resume {run}", explained(&error))
    })?;
    if outcome == Outcome::Interrupted {
        note(format_args!("stopped after step {}; go on with: lzn resume {run}", trainer.session().step));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    report(&trainer, folder)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes when which part of a worker's training ran, for chrome://tracing and Perfetto.
fn write_trace(trace: &Trace, folder: &Path, worker: u64) -> Result<()> {
    let path = folder.join(if worker == 0 { "trace.json".to_owned() } else { format!("trace-{worker}.json") });
    let text = trace.to_json(worker).to_string();
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    note(format_args!("trace          {}: open it in chrome://tracing or ui.perfetto.dev", path.display()));
    Ok(())
}

/// Joins the processes that a launcher has started, on this one's device.
fn join(launched: Option<&Launch>, compute: &Compute, workers: &WorkersArgs) -> Result<(World, Device)> {
    let device = device(compute)?;
    let Some(launch) = launched.filter(|launch| launch.size > 1) else { return Ok((World::alone(), device)) };
    let device = own_device(device, launch, tch::Cuda::device_count)?;
    let world = World::join(launch, Backend::of(device), Duration::from_secs(workers.worker_timeout))?;
    Ok((world, device))
}

/// The device of a worker: of those of CUDA, of which this machine has `count`, each has its own.
fn own_device(device: Device, launch: &Launch, count: impl FnOnce() -> i64) -> Result<Device> {
    let (Device::Cuda(_), Launch { rank, local_rank, .. }) = (device, launch) else { return Ok(device) };
    let count = count();
    if *local_rank as i64 >= count {
        bail!(
            "worker {rank} is number {local_rank} on this machine, which has {count} CUDA devices: start as many workers, or train with \
             --device cpu"
        );
    }
    Ok(Device::Cuda(*local_rank))
}

/// Trains as one of several, which is not the first. It writes what it does in the run folder, where it has that, and nothing else.
fn follow(
    config: RunConfig,
    (device, world): (Device, World),
    folder: &Path,
    (trace, stop): (Option<Trace>, &StopFlag),
) -> Result<ExitCode> {
    let worker = world.rank() as u64;
    let mut follower = Follower::open(config, device, world)?.in_folder(folder).on_stall(stalled);
    if let Some(trace) = &trace {
        follower = follower.with_trace(trace.clone());
    }
    let outcome = follower.run(stop);
    if let Some(trace) = trace.filter(|_| folder.is_dir()) {
        write_trace(&trace, folder, worker)?;
    }
    match outcome.map_err(|error| anyhow!(explained(&error)))? {
        Outcome::Finished => Ok(ExitCode::SUCCESS),
        Outcome::Interrupted => Ok(ExitCode::from(INTERRUPTED)),
    }
}

fn stalled(words: &str) {
    note(format_args!("warning: {words}"));
}

/// Names what the run left and what can be done with it.
fn report(trainer: &Trainer, folder: &Path) -> Result<()> {
    let run = folder.display();
    if let Some(accuracy) = lzn_tasks::pictures::last_value(folder, "test/accuracy")? {
        say!("test accuracy  {:.2} %", 100.0 * accuracy)?;
    }
    for (what, name) in [("linear probe", "test/linear_probe"), ("kNN probe", "test/knn_probe")] {
        if let Some(accuracy) = lzn_tasks::pictures::last_value(folder, name)? {
            say!("{what:<14} {:.2} %", 100.0 * accuracy)?;
        }
    }
    let draws = trainer.session().engine.model.decoder().is_some();
    if draws {
        let rows = if trainer.session().class_names.is_empty() { "" } else { " (one row per class)" };
        say!("samples        {run}/samples.png{rows}")?;
    }
    if folder.join("curves.png").exists() {
        say!("curves         {run}/curves.png")?;
    }
    say!("weights        {run}/weights.safetensors")?;
    say!("records        {run}/metrics.csv, metrics.jsonl, tensorboard/")?;
    say!("\nTry next:")?;
    if draws {
        say!("  lzn sample --model {run} --count 10 --seed 1 --out more.png")?;
    }
    if trainer.session().engine.model.labels().is_some() {
        say!("  lzn eval {run} --confusion confusion.png")?;
        say!("  lzn classify --model {run} IMAGE.png")?;
    }
    if trainer.session().engine.model.encoder().is_some() {
        if draws {
            say!("  lzn reconstruct --model {run} IMAGE.png")?;
        }
        say!("  lzn embed --model {run} IMAGE.png ANOTHER.png")?;
    }
    say!("  lzn resume {run} --set train.iterations={}", 2 * trainer.session().step)
}

fn dry_run(config: &RunConfig, args: &TrainArgs) -> Result<ExitCode> {
    let classes = match data(config) {
        Ok((images, classes)) => {
            say!("{}\n# {images} training images, {classes} classes", config.to_toml())?;
            classes
        }
        Err(error) if args.step => {
            let labels = config.model.labels.is_some() || config.model.label_conditional;
            let classes = if labels { ASSUMED_CLASSES } else { 0 };
            say!("{}", config.to_toml())?;
            note(format_args!("{}\nwithout the data set, {classes} classes are assumed", explained(error.as_ref())));
            classes
        }
        Err(error) => return Err(error),
    };
    let model = Lzn::new(&config.model, &config.data, classes, config.seed, device(&args.compute)?)?;
    for (part, params) in model.parts() {
        say!("# {part}: {} parameters", params.trainable_values())?;
    }
    if args.step {
        trial::run(config, model)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Numbers of training images and classes of the data, checked against the configuration.
fn data(config: &RunConfig) -> Result<(usize, usize)> {
    let data = RunData::open(&config.data)?;
    BatchPlan::training(data.train.len(), config.train.batch_size, config.seed)?;
    Augment::new(config.data.augment, config.seed, data.train.image_shape())?;
    Ok((data.train.len(), data.train.class_names().len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_has_a_cuda_device_of_its_own_and_exchanges_with_nccl() {
        let launch = Launch { rank: 9, local_rank: 1, size: 16, host: String::new(), port: 1, agent_listens: true };
        let device = own_device(Device::Cuda(0), &launch, || 2).expect("there are enough");
        assert_eq!((device, Backend::of(device)), (Device::Cuda(1), Backend::Nccl));
        let message = own_device(Device::Cuda(0), &launch, || 1).expect_err("there is one only").to_string();
        assert!(message.starts_with("worker 9 is number 1 on this machine, which has 1 CUDA devices"), "{message}");
        assert_eq!(own_device(Device::Cpu, &launch, || 0).expect("there is always one"), Device::Cpu);
    }
}
