//! `cargo xtask test`: all tests, after installing what they need.

use super::Invocation;
use crate::failure::Failure;
use crate::libtorch::install::{self, Wish};
use crate::run::Run;
use crate::step::step;

/// Runs every test of the workspace, documentation examples included, or `cargo test` with the user's own arguments.
pub(crate) fn run(call: &Invocation<'_>) -> Result<(), Failure> {
    install::ensure(call.repo, Wish::default())?;
    step("tests", || {
        let cargo = Run::cargo(call.repo).arg("test");
        if call.arguments.is_empty() { cargo.arg("--workspace").show() } else { cargo.args(call.arguments).show() }
    })
}
