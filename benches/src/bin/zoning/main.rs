//! Measures zoning in one setting: time, memory, speed and error, with rivals in the same run if wanted.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to people")]

mod arguments;

use anyhow::Result;
use clap::Parser as _;
use lzn_benches::measure::{Counting, answer, use_threads};
use lzn_benches::report::{Report, measure, ratios};

use arguments::Arguments;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<()> {
    if let Some(answer) = answer()? {
        println!("{answer}");
        return Ok(());
    }
    let arguments = Arguments::parse();
    let request = arguments.request();
    use_threads(request.threads)?;
    for form in arguments.too_large() {
        eprintln!("{} is left out, its arrays do not fit; to insist: --rivals {0}", form.name());
    }
    let reports = measure(&request)?;
    if arguments.json { json(&reports) } else { text(&arguments, &reports) }
}

fn json(reports: &[Report]) -> Result<()> {
    for report in reports {
        println!("{}", serde_json::to_string(report)?);
    }
    Ok(())
}

fn text(arguments: &Arguments, reports: &[Report]) -> Result<()> {
    println!("{}\n", arguments.title());
    for report in reports {
        println!("{report}");
    }
    for line in ratios(reports) {
        println!("{line}");
    }
    Ok(())
}
