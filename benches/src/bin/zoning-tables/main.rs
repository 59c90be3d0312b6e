//! The tables and pictures of docs/zoning.md, measured anew.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to people")]

mod errors;
mod flight;
mod growth;
mod hits;
mod rounding;
mod scale;
mod study;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use lzn_benches::measure::{Counting, all_threads, answer, use_threads};

use study::{Scope, Study};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Write tables (Markdown) and pictures (PNG) of what zoning costs and how wrong it is: error against evaluations, time and
/// memory against the number of anchors, the reach of free flight, the anchors' scale, and what single precision adds.
#[derive(Debug, Parser)]
#[command(name = "zoning-tables")]
struct Arguments {
    /// Folder for zoning-tables.md and the pictures; made if need be.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Small sizes: minutes instead of an hour.
    #[arg(long)]
    quick: bool,
    /// Threads of ours and of libtorch; all that the machine runs at once if not given.
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
    /// Studies to make: errors, hits, scale, flight, rounding, growth; all if not given.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = NAMES)]
    only: Vec<String>,
}

const NAMES: [&str; 6] = ["errors", "hits", "scale", "flight", "rounding", "growth"];
const RUNS: [fn(Scope) -> Result<Study>; 6] =
    [errors::study, hits::study, scale::study, flight::study, rounding::study, growth::study];

fn main() -> Result<()> {
    if let Some(answer) = answer()? {
        println!("{answer}");
        return Ok(());
    }
    let arguments = Arguments::parse();
    let scope = Scope { quick: arguments.quick, threads: arguments.threads.unwrap_or_else(all_threads).max(1) };
    use_threads(scope.threads)?;
    fs::create_dir_all(&arguments.out).with_context(|| format!("folder {}", arguments.out.display()))?;
    let mut text = format!("Written by zoning-tables with --threads {}.\n", scope.threads);
    let wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    for (name, run) in NAMES.into_iter().zip(RUNS).filter(|(name, _)| wanted(name)) {
        eprintln!("{name} ...");
        let study = run(scope)?;
        text += &study.text;
        for (name, picture) in study.pictures {
            picture.save(arguments.out.join(name))?;
        }
        // What is there is kept, should a later study fail.
        fs::write(arguments.out.join("zoning-tables.md"), &text)?;
    }
    println!("{}", arguments.out.join("zoning-tables.md").display());
    Ok(())
}
