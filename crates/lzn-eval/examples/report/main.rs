//! Writes a whole report of made-up numbers, to see what one looks like: `cargo run -p lzn-eval --example report FOLDER`.

mod demo;

use std::path::PathBuf;

use lzn_eval::EvalError;

fn main() -> Result<(), EvalError> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("report"), PathBuf::from);
    demo::report()?.save(folder)
}
