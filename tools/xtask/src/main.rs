//! `cargo xtask`: set-up, quick start, tests and continuous integration of the workspace.
//!
//! Uses the standard library alone, so that it builds in seconds on a machine that has nothing but Rust,
//! and can say what is missing before anything heavy is compiled. One file per command in [`commands`].

#![expect(clippy::print_stdout, reason = "a command-line tool talks on standard output")]

mod apt;
mod arrows;
mod browser;
mod commands;
mod diagnose;
mod failure;
mod libtorch;
mod memory;
mod product;
mod progress;
mod repo;
mod run;
mod step;
mod tidy;

use std::process::ExitCode;

use commands::{Invocation, ci, doctor, golden, quickstart, setup, soak, test};
use failure::Failure;
use repo::Repo;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  setup [--cpu] [--force]  install libtorch into .lzn/ of this repository (done by the other commands when needed)
  quickstart               train a small model on the embedded images, then show samples and test accuracy
  test [ARGS...]           all tests; ARGS go to `cargo test` in place of --workspace
  soak [OPTIONS]           kill and terminate short runs at random moments, and see that they end as undisturbed ones;
                           --kills 200 --processes 1,2 --seed 0
  golden [FOLDER]          compare with the numbers of the published reference
  ci [--list] [STEPS...]   everything that must pass before a change lands, or only the named steps
  doctor [LOG | -]         say what was found on this machine, and the remedy for each thing wrong;
                           with the output of a failed build (a file, or - for standard input), explain it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode, Failure> {
    let repo = Repo::find()?;
    let Some((command, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(ExitCode::FAILURE);
    };
    // `test` hands its arguments on, --help among them.
    if command != "test" && rest.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let call = Invocation { repo: &repo, arguments: rest };
    match command.as_str() {
        "setup" => setup::run(&call),
        "quickstart" => quickstart::run(&call),
        "test" => test::run(&call),
        "soak" => soak::run(&call),
        "golden" => golden::run(&call),
        "ci" => ci::run(&call),
        "doctor" => return doctor::run(&call),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(Failure::new(format!("there is no command `{other}`\n\n{HELP}"))),
    }?;
    Ok(ExitCode::SUCCESS)
}
