//! The `lzn` command: train, resume, evaluate and use Latent Zoning Networks.

#![expect(
    clippy::print_stdout,
    reason = "this is a program: results go to standard output, everything else to standard error"
)]

mod cli;
mod commands;
mod doctor;
mod images;
mod model;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // A closed pipe (`lzn eval ... | head`) ends the program quietly instead of with a panic on the next line of output.
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
