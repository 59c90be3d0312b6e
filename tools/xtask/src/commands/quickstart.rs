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
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| call.repo.path("target"), Into::into);
    let lzn = call.repo.root().join(target).join("release").join(format!("lzn{}", std::env::consts::EXE_SUFFIX));
    Run::new(lzn).args(["train", "--config", CONFIG]).dir(call.repo.root()).replace()
}
