//! `lzn watch`.

mod lines;
mod screen;

use std::cmp::Ordering;
use std::io::{IsTerminal, stdout};
use std::time::Duration;

use anyhow::{Result, bail};
use lzn_tasks::run::heartbeat::{Beat, Worker};
use lzn_tasks::run::progress::duration;
use lzn_tasks::status::RunStatus;
use lzn_tasks::train::stage::Stage;

use crate::cli::WatchArgs;

/// Curves that fit side by side.
const CURVES: usize = 4;
/// Workers of which each has a line.
const WORKERS: usize = 8;

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
        ["time/", "exchange/", "train/lr/", "train/skipped", "train/grad_norm", "train/zones/spread"]
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

/// A stage that lasts so many seconds is worth a word.
const LONG: f64 = 30.0;
/// Shares of the time that fit into a line of 80 characters.
const SHARES: usize = 3;

/// What a worker is doing, since when, and what it did of late, the most first: `worker 0  network  12 s  device 71 %, network 20 %`.
fn health(worker: &Worker) -> String {
    let name = format!("worker {:<4}", worker.number);
    let Some(beat) = &worker.beat else { return format!("{name} unknown: it has not got this folder") };
    if beat.is_late() {
        return format!("{name} not heard of for {}, last in {}", duration(beat.age()), beat.stage);
    }
    let mut shares = beat.shares.clone();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let share = |(stage, share): (String, f64)| format!("{stage} {:.0} %", 100.0 * share);
    let shares: Vec<String> = shares.into_iter().filter(|(_, share)| *share >= 0.005).map(share).take(SHARES).collect();
    format!("{name} {:<10} {:>11}  {}", beat.stage, duration(beat.stage_seconds), shares.join(", "))
}

/// Whether a worker stands still, or has taken long for what does not take long: neither waiting for others nor an evaluation.
fn is_stuck(worker: &Worker) -> bool {
    let patient = [Stage::Network, Stage::Evaluation].map(Stage::name);
    let long = |beat: &Beat| beat.stage_seconds > LONG && !patient.contains(&beat.stage.as_str());
    worker.beat.as_ref().is_some_and(|beat| beat.is_late() || long(beat))
}

/// At most `most` of the workers in their order, with how many were left out: first those that stand still or are unknown, then those that
/// do not wait for others, the longest first.
fn notable(workers: &[Worker], most: usize) -> (Vec<&Worker>, usize) {
    let rank = |worker: &&Worker| match &worker.beat {
        Some(beat) if beat.is_late() => (0, 0.0),
        None => (1, 0.0),
        Some(beat) if beat.stage != Stage::Network.name() => (2, -beat.stage_seconds),
        Some(beat) => (3, -beat.stage_seconds),
    };
    let mut shown: Vec<&Worker> = workers.iter().collect();
    shown.sort_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(Ordering::Equal));
    shown.truncate(most);
    shown.sort_by_key(|worker| worker.number);
    let hidden = workers.len() - shown.len();
    (shown, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(number: u64, stage: &str, seconds: f64) -> Worker {
        let shares = vec![("data".to_owned(), 0.25), ("device".to_owned(), 0.75), ("disk".to_owned(), 0.001)];
        Worker { number, beat: Some(Beat::now((number, 64), 7, (stage, seconds), shares)) }
    }

    #[test]
    fn a_line_says_stage_time_and_shares_or_what_is_wrong() {
        let mut one = worker(3, "network", 75.0);
        assert_eq!(health(&one), "worker 3    network     1 min 15 s  device 75 %, data 25 %");
        one.beat.as_mut().unwrap().at -= 130.0;
        assert_eq!(health(&one), "worker 3    not heard of for 2 min 10 s, last in network");
        assert!(health(&Worker { number: 12, beat: None }).starts_with("worker 12   unknown"));
    }

    #[test]
    fn of_many_workers_those_that_are_waited_for_are_shown() {
        let mut all: Vec<Worker> = (0..64).map(|number| worker(number, "network", number as f64)).collect();
        all[40] = worker(40, "data", 90.0);
        all[50].beat.as_mut().unwrap().at -= 100.0;
        all[7].beat = None;
        assert_eq!(
            all.iter().filter(|worker| is_stuck(worker)).map(|worker| worker.number).collect::<Vec<_>>(),
            [40, 50]
        );
        let (shown, hidden) = notable(&all, 4);
        assert_eq!(shown.iter().map(|worker| worker.number).collect::<Vec<_>>(), [7, 40, 50, 63]);
        assert_eq!(hidden, 60);
        assert_eq!(notable(&all[..2], 4).1, 0);
    }
}
