//! `cargo xtask quickstart`: from nothing to samples and a test accuracy.

use super::Invocation;
use crate::failure::Failure;
use crate::libtorch::install::{self, Wish};
use crate::run::Run;
use crate::step::step;

const CONFIG: &str = "tools/configs/quickstart.toml";

/// Sets up what is missing, builds `lzn`, and hands over to `lzn train`, which resumes an unfinished run by itself.
pub(crate) fn run(call: &Invocation<'_>) -> Result<(), Failure> {
    call.expect_none("quickstart")?;
    install::ensure(call.repo, Wish::default())?;
    step("build lzn (release)", || Run::cargo(call.repo).args(["build", "--release", "--package", "lzn"]).show())?;
    println!("==> train on the embedded images ({CONFIG}); Ctrl-C saves, and the same command goes on from there");
    // Cargo knows where it put the program, and on Unix gives its process over to it as we do ours.
    let lzn = Run::cargo(call.repo).args(["run", "--quiet", "--release", "--package", "lzn", "--"]);
    lzn.args(["train", "--config", CONFIG]).replace()
}
