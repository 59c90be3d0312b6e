//! `lzn train` and `lzn resume`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use lzn_data::{Augment, BatchPlan};
use lzn_tasks::Lzn;
use lzn_tasks::config::RunConfig;
use lzn_tasks::data::RunData;
use lzn_tasks::run::{StopFlag, folder};
use lzn_tasks::train::{Outcome, Trainer};

use crate::cli::{ResumeArgs, TrainArgs};
use crate::model::device;
use crate::watch::Watch;

/// Exit status of a run that was asked to stop: by convention 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// Trains as a configuration file says.
pub(crate) fn train(args: &TrainArgs) -> Result<ExitCode> {
    let config = RunConfig::load(&args.config, &args.sets)?;
    if args.dry_run {
        return dry_run(&config);
    }
    let name = args.config.file_stem().unwrap_or_default();
    let folder = args.run.clone().unwrap_or_else(|| PathBuf::from("runs").join(name));
    run(config, &folder, &args.compute)
}

/// Goes on with a run as its own configuration says.
pub(crate) fn resume(args: &ResumeArgs) -> Result<ExitCode> {
    let text = folder::read_config(&args.run)?;
    let config = RunConfig::parse(&text, &args.run.join("config.toml"), &args.sets)?;
    run(config, &args.run, &args.compute)
}

fn run(config: RunConfig, folder: &Path, compute: &crate::cli::Compute) -> Result<ExitCode> {
    let mut trainer = Trainer::open(config, folder, device(compute)?)?;
    trainer.add_hook(Box::new(Watch::default()));
    let stop = StopFlag::on_signals()?;
    let outcome = trainer.run(&stop).with_context(|| {
        format!("training stopped; what was saved is safe, go on with: lzn resume {}", folder.display())
    })?;
    let run = folder.display();
    if outcome == Outcome::Interrupted {
        eprintln!("stopped after step {}; go on with: lzn resume {run}", trainer.session().step);
        return Ok(ExitCode::from(INTERRUPTED));
    }
    report(&trainer, folder)?;
    Ok(ExitCode::SUCCESS)
}

/// Names what the run left and what can be done with it.
fn report(trainer: &Trainer, folder: &Path) -> Result<()> {
    let run = folder.display();
    if let Some(accuracy) = lzn_tasks::pictures::last_value(folder, "test/accuracy")? {
        println!("test accuracy  {:.2} %", 100.0 * accuracy);
    }
    let draws = trainer.session().engine.model.decoder.is_some();
    if draws {
        println!("samples        {run}/samples.png (one row per class)");
    }
    println!("curves         {run}/curves.png");
    println!("weights        {run}/weights.safetensors");
    println!("records        {run}/metrics.csv, metrics.jsonl, tensorboard/");
    println!("\nTry next:");
    if draws {
        println!("  lzn sample --model {run} --count 10 --seed 1 --out more.png");
    }
    if trainer.session().engine.model.labels.is_some() {
        println!("  lzn eval {run} --confusion confusion.png");
        println!("  lzn classify --model {run} IMAGE.png");
    }
    if trainer.session().engine.model.encoder.is_some() {
        if draws {
            println!("  lzn reconstruct --model {run} IMAGE.png");
        }
        println!("  lzn embed --model {run} IMAGE.png ANOTHER.png");
    }
    println!("  lzn resume {run} --set train.iterations={}", 2 * trainer.session().step);
    Ok(())
}

fn dry_run(config: &RunConfig) -> Result<ExitCode> {
    let data = RunData::open(&config.data)?;
    BatchPlan::training(data.train.len(), config.train.batch_size, config.seed)?;
    Augment::new(config.data.augment, config.seed, data.train.image_shape())?;
    let classes = data.train.class_names().len();
    let model = Lzn::new(&config.model, &config.data, classes, config.seed, tch::Device::Cpu)?;
    println!("{}", config.to_toml());
    println!("# {} training images, {} classes", data.train.len(), classes);
    for (part, params) in model.parts() {
        println!("# {part}: {} parameters", params.trainable_values());
    }
    Ok(ExitCode::SUCCESS)
}
