//! `lzn watch`.

mod lines;
mod screen;

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use anyhow::{Result, bail};
use lzn_tasks::run::heartbeat::Beat;
use lzn_tasks::run::progress::duration;
use lzn_tasks::status::RunStatus;

use crate::cli::WatchArgs;

/// Curves that fit side by side.
const CURVES: usize = 4;

/// Shows a run until it ends, or until somebody has seen enough.
pub(crate) fn run(args: &WatchArgs) -> Result<()> {
    let status = RunStatus::read(&args.run)?;
    check(args, &status)?;
    if args.once || args.json || !stdout().is_terminal() {
        lines::follow(args, status)
    } else {
        screen::follow(args, status)
    }
}

/// Refuses values that were never recorded, once anything was.
fn check(args: &WatchArgs, status: &RunStatus) -> Result<()> {
    let names = status.names();
    match args.values.iter().find(|name| !names.contains(name)) {
        Some(name) if !names.is_empty() => {
            bail!("{} has no value {name} in its records; there are {}", args.run.display(), names.join(", "))
        }
        _ => Ok(()),
    }
}

/// The values to show: those asked for, or the loss and what else is worth a look.
fn chosen(args: &WatchArgs, status: &RunStatus) -> Vec<String> {
    if !args.values.is_empty() {
        return args.values.clone();
    }
    let dull = |name: &String| {
        ["time/", "train/lr/", "train/skipped", "train/grad_norm", "train/zones/spread"]
            .iter()
            .any(|dull| name.starts_with(dull))
    };
    let mut names: Vec<String> = status.names().into_iter().filter(|name| !dull(name)).collect();
    // What is measured on test images first, then the loss, then its parts.
    names.sort_by_key(|name| (name.starts_with("train/"), name != "train/loss"));
    names.truncate(CURVES);
    names
}

fn pause(args: &WatchArgs) -> Duration {
    Duration::try_from_secs_f64(args.every).unwrap_or(Duration::MAX)
}

/// Beats further apart are a sign that a worker's process or machine stands still.
const LATE: f64 = 10.0;
/// A stage that lasts as long is worth a word.
const LONG: f64 = 30.0;

/// What a worker is doing, in a few words: `worker 0 in device, most of the time in data (62 %)`.
fn health(beat: &Beat) -> String {
    let name = format!("worker {}", beat.worker);
    if beat.age() > LATE {
        return format!("{name} has not been heard of for {}, last in {}", duration(beat.age()), beat.stage);
    }
    let lasting =
        if beat.stage_seconds > LONG { format!(" for {}", duration(beat.stage_seconds)) } else { String::new() };
    let share = |(stage, share): (&str, f64)| format!(", most of the time in {stage} ({:.0} %)", 100.0 * share);
    format!("{name} in {}{lasting}{}", beat.stage, beat.slowest().map(share).unwrap_or_default())
}
