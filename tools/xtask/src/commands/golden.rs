//! `cargo xtask golden`: comparison with the numbers of the published reference.

use std::path::PathBuf;

use super::Invocation;
use crate::failure::Failure;
use crate::libtorch::install::{self, Wish};
use crate::run::Run;
use crate::step::step;

/// Runs `lzn-golden` on the given folder, or on the one that it finds by itself.
pub(crate) fn run(call: &Invocation<'_>) -> Result<(), Failure> {
    let folder = match call.arguments {
        // What the variable names is meant from where the user is, too.
        [] => std::env::var("LZN_GOLDEN_DIR")
            .ok()
            .filter(|folder| !folder.is_empty())
            .map(|f| absolute(&f))
            .transpose()?,
        // Made absolute here: cargo runs in the repository's root, the user may be elsewhere.
        [folder] => Some(absolute(folder)?),
        [_, unknown, ..] => return Err(Failure::new(format!("`golden` takes one folder, got also `{unknown}`"))),
    };
    install::ensure(call.repo, Wish::default())?;
    step("golden numbers", || Run::cargo(call.repo).args(["run", "--package", "lzn-golden", "--"]).args(folder).show())
}

fn absolute(folder: &str) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(folder);
    path.canonicalize().map_err(|error| {
        Failure::io("cannot open the folder of golden numbers", &path, &error)
            .remedy("leave the folder, and LZN_GOLDEN_DIR, out to use the copy in the repository")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_named_before_anything_is_built() {
        let failure = absolute("no/such/folder").expect_err("it does not exist");
        assert!(failure.what.contains("no/such/folder") && failure.remedy.is_some(), "{failure}");
    }
}
