//! `lzn-golden [FOLDER]`: one line per case and backend, and an exit code that says whether all agree.
#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::path::PathBuf;
use std::process::ExitCode;

use lzn_golden::{Line, default_folder, families, run};

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).map_or_else(default_folder, PathBuf::from);
    match run(&folder, &families(), |line| println!("{line}")) {
        Ok(report) => {
            if !report.skipped.is_empty() {
                println!("skipped families: {}", report.skipped.join(", "));
            }
            let count = |of: fn(&Line) -> bool| report.lines.iter().filter(|line| of(line)).count();
            let (failed, skipped) = (count(Line::failed), count(Line::is_skipped));
            println!("{} lines, {failed} failed, {skipped} skipped ({})", report.lines.len(), folder.display());
            if report.lines.is_empty() {
                let known: Vec<_> = families().iter().map(|family| family.name()).collect();
                println!("there is no case of a known family: known are {}", known.join(", "));
            }
            if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
