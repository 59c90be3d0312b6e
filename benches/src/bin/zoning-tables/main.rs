//! The tables and pictures of docs/zoning.md, measured anew.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to people")]

mod errors;
mod growth;
mod rounding;
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
/// memory against the number of anchors, and what single precision adds.
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
}

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
    for (name, run) in [
        ("errors", errors::study as fn(Scope) -> Result<Study>),
        ("growth", growth::study),
        ("rounding", rounding::study),
    ] {
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
