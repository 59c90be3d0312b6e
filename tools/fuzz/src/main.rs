//! `lzn-fuzz`: searches, one reader after the other, and says what it found.
#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use lzn_fuzz::{Budget, Counting, Target, hunt, targets, try_once};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Damaged files for every reader of the workspace. Exit status 1 if anything was found.
#[derive(Debug, Parser)]
#[command(name = "lzn-fuzz")]
struct Arguments {
    /// Readers, or `all`; without any, their names are printed.
    targets: Vec<String>,
    /// Seconds for each reader.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seed of the changes.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for inputs that were found.
    #[arg(long, default_value = "findings")]
    findings: PathBuf,
    /// Read this file once, and show what happens, instead of searching.
    #[arg(long, value_name = "FILE")]
    reproduce: Option<PathBuf>,
    /// Search in this process, from this input on. Used by the program itself, which starts again after an abort.
    #[arg(long, hide = true)]
    worker: Option<u64>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// How many findings there were.
fn run(arguments: &Arguments) -> Result<usize> {
    let chosen: Vec<&Target> = match arguments.targets.as_slice() {
        [] => {
            targets::ALL.iter().for_each(|target| println!("{}", target.name));
            return Ok(0);
        }
        [all] if all == "all" => targets::ALL.iter().collect(),
        names => names.iter().map(|name| find(name)).collect::<Result<_>>()?,
    };
    let mut findings = 0;
    for target in chosen {
        findings += match (&arguments.reproduce, arguments.worker) {
            (Some(file), _) => reproduce(target, file)?,
            (None, Some(first)) => work(target, arguments, first)?,
            (None, None) => supervise(target, arguments)?,
        };
    }
    Ok(findings)
}

fn find(name: &str) -> Result<&'static Target> {
    let known: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
    let target = targets::ALL.iter().find(|target| target.name == name);
    target.with_context(|| format!("there is no reader `{name}`; known are {}", known.join(", ")))
}

fn reproduce(target: &Target, file: &Path) -> Result<usize> {
    let length = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
    match try_once(target, file, length as usize) {
        Ok(answer) => println!("{answer}"),
        Err((kind, what)) => println!("{kind}: {what}"),
    }
    Ok(0)
}

/// Searches in processes of their own, and again after one that ended itself, until the time is over.
fn supervise(target: &Target, arguments: &Arguments) -> Result<usize> {
    let (start, mut findings, mut first) = (Instant::now(), 0, 0_u64);
    loop {
        let left = arguments.seconds.saturating_sub(start.elapsed().as_secs());
        if left == 0 {
            return Ok(findings);
        }
        let mut worker = Command::new(std::env::current_exe().context("the path of this program")?);
        worker.args([target.name, "--worker", &first.to_string(), "--seconds", &left.to_string()]);
        worker.args(["--seed", &arguments.seed.to_string(), "--findings"]).arg(&arguments.findings);
        let status = worker.status().context("cannot start a process")?;
        match status.code() {
            Some(0) => return Ok(findings),
            Some(1) => return Ok(findings + 1),
            Some(2) => bail!("the search of `{}` cannot go on", target.name),
            _ => {
                findings += 1;
                let saved = arguments.findings.join(format!("{}-abort-{findings}", target.name));
                std::fs::rename(arguments.findings.join(format!("{}.input", target.name)), &saved)
                    .with_context(|| format!("cannot write {}", saved.display()))?;
                println!("{}: abort ({status}), {}", target.name, saved.display());
                // Past whatever input that was.
                first += 1_u64 << 32;
            }
        }
    }
}

/// Inputs begun, for the watch over endless ones.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// Ends the process when one input takes minutes.
fn watch() {
    const TICK: Duration = Duration::from_millis(500);
    const TICKS: u32 = 240;
    std::thread::spawn(|| {
        let (mut last, mut ticks) = (0, 0);
        loop {
            // Counted in ticks of this thread: a process that is stopped for a while is not a slow one.
            std::thread::sleep(TICK);
            let now = BEGUN.load(Relaxed);
            ticks = if now == last { ticks + 1 } else { 0 };
            last = now;
            if ticks > TICKS {
                std::process::abort();
            }
        }
    });
}

fn work(target: &Target, arguments: &Arguments, first: u64) -> Result<usize> {
    watch();
    // A line for every panic would hide the findings, which are named below.
    std::panic::set_hook(Box::new(|_| {}));
    let (start, time) = (Instant::now(), Duration::from_secs(arguments.seconds));
    let budget = Budget { time, inputs: u64::MAX, begun: Some(&BEGUN) };
    let report = hunt(target, arguments.seed, first, budget, &arguments.findings)?;
    for finding in &report.findings {
        println!("{}: {}: {} ({})", target.name, finding.kind, finding.what, finding.saved.display());
    }
    println!(
        "{}: {} inputs in {:.0} s, {} different answers, {} findings",
        target.name,
        report.inputs,
        start.elapsed().as_secs_f64(),
        report.answers,
        report.findings.len()
    );
    Ok(report.findings.len())
}
