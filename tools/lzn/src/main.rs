//! The `lzn` command: train, resume, evaluate and use Latent Zoning Networks.

mod cli;
mod commands;
mod doctor;
mod images;
mod model;
mod profile;
mod say;
mod stages;
mod values;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            say::note(format_args!("error: {}", say::explained(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}
