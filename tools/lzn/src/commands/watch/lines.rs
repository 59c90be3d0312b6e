//! The run in lines, for pipes, logs and programs.

use std::thread;

use anyhow::Result;
use lzn_tasks::run::heartbeat::Worker;
use lzn_tasks::run::progress::{duration, short};
use lzn_tasks::status::{Activity, RunStatus};
use serde_json::json;

use super::{WORKERS, check, chosen, health, is_stuck, notable, pause};
use crate::cli::WatchArgs;
use crate::say::say;

/// Prints a line whenever there is a record, or a worker is stuck or goes on, until nobody trains the run any more.
pub(super) fn follow(args: &WatchArgs, mut status: RunStatus) -> Result<()> {
    let mut seen = None;
    loop {
        let stuck: Vec<u64> =
            status.workers.iter().filter(|worker| is_stuck(worker)).map(|worker| worker.number).collect();
        let (activity, now) = (status.activity(), Some((status.step(), status.activity(), stuck)));
        if seen != now {
            print(args, &status)?;
            seen = now;
        }
        if args.once || matches!(activity, Activity::Finished | Activity::Stopped) {
            return Ok(());
        }
        thread::sleep(pause(args));
        status.refresh()?;
        check(args, &status)?;
    }
}

fn print(args: &WatchArgs, status: &RunStatus) -> Result<()> {
    if args.json {
        return say!("{}", object(args, status));
    }
    say!("{}", line(args, status))?;
    let (workers, hidden) = notable(&status.workers, WORKERS);
    workers.into_iter().try_for_each(|worker| say!("  {}", health(worker)))?;
    if hidden > 0 { say!("  and {hidden} more workers") } else { Ok(()) }
}

/// `step 400/1500  training  204 images/s  5 min 20 s left  train/loss 0.5123`
fn line(args: &WatchArgs, status: &RunStatus) -> String {
    let mut parts = vec![format!("step {}/{}", status.step(), status.total), status.activity().name().to_owned()];
    parts.extend(status.images_per_second().map(|speed| format!("{speed:.0} images/s")));
    if status.activity() == Activity::Training {
        parts.extend(status.seconds_left().map(|seconds| format!("{} left", duration(seconds))));
    }
    let value = |name: String| Some(format!("{name} {}", short(status.newest(&name)?)));
    parts.extend(chosen(args, status).into_iter().filter_map(value));
    parts.join("  ")
}

/// Everything that is known, with absent values as null.
fn object(args: &WatchArgs, status: &RunStatus) -> serde_json::Value {
    let names = if args.values.is_empty() { status.names() } else { args.values.clone() };
    let values: serde_json::Map<_, _> =
        names.into_iter().map(|name| (name.clone(), json!(status.newest(&name)))).collect();
    json!({
        "run": status.path,
        "step": status.step(),
        "total": status.total,
        "activity": status.activity().name(),
        "images_per_second": status.images_per_second(),
        "seconds_left": status.seconds_left(),
        "seconds_since_record": status.silence.map(|silence| silence.as_secs_f64()),
        "process": status.holder,
        "workers": status.workers.iter().map(worker).collect::<Vec<_>>(),
        "checkpoint": status.checkpoint,
        "sample": status.sample,
        "values": values,
    })
}

/// What a worker is doing; `seconds_since_beat` beyond a few says that its process, or its machine, stands still. All but the number is null
/// for one that is unknown.
fn worker(worker: &Worker) -> serde_json::Value {
    let Some(beat) = &worker.beat else {
        return json!({
            "worker": worker.number, "process": null, "host": null, "step": null, "stage": null, "stage_seconds": null,
            "seconds_since_beat": null, "shares": null,
        });
    };
    let shares: serde_json::Map<_, _> =
        beat.shares.iter().map(|(stage, share)| (stage.clone(), json!(share))).collect();
    json!({
        "worker": beat.worker,
        "process": beat.process,
        "host": beat.host,
        "step": beat.step,
        "stage": beat.stage,
        "stage_seconds": beat.stage_seconds,
        "seconds_since_beat": beat.age(),
        "shares": shares,
    })
}
