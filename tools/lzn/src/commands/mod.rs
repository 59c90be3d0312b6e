//! One file per command.

mod classify;
mod compare;
mod data;
mod embed;
mod eval;
mod export;
mod import;
mod launch;
mod neighbors;
mod reconstruct;
mod run;
mod sample;
mod train;
mod trial;
mod watch;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Cli, Command};
use crate::doctor;

/// Runs the command that was typed.
pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Train(args) => return train::train(&args),
        Command::Resume(args) => return train::resume(&args),
        Command::Watch(args) => watch::run(&args)?,
        Command::Eval(args) => eval::run(&args)?,
        Command::Compare(args) => compare::run(&args)?,
        Command::Run(args) => run::run(&args)?,
        Command::Sample(args) => sample::run(&args)?,
        Command::Classify(args) => classify::run(&args)?,
        Command::Embed(args) => embed::run(&args)?,
        Command::Neighbors(args) => neighbors::run(&args)?,
        Command::Reconstruct(args) => reconstruct::run(&args)?,
        Command::Import(args) => import::run(&args)?,
        Command::Export(args) => export::run(&args)?,
        Command::Data(args) => data::run(&args)?,
        Command::Doctor(args) => return doctor::run(args.json),
    }
    Ok(ExitCode::SUCCESS)
}
