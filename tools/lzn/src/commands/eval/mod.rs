//! `lzn eval`: measures a model, or compares two sets of images.

mod images;
mod model;
mod network;
mod source;
mod table;

use anyhow::Result;

use crate::cli::{EvalArgs, EvalCommand};

/// Measures what the arguments name.
pub(crate) fn run(args: &EvalArgs) -> Result<()> {
    match &args.what {
        Some(EvalCommand::Images(args)) => images::run(args),
        None => model::run(&args.model),
    }
}
