//! What is unsafe, under valgrind: reads and writes outside of what is allocated, use after free, memory that is freed twice or by the
//! wrong function.
//!
//! Miri knows neither libtorch nor the vector instructions of the matrix products, and the sanitizers of rustc need a nightly compiler and a
//! libtorch that is built with them. Valgrind runs the tests as they are. It is not asked about values that were never set: the
//! mathematics libraries of libtorch read such on purpose.

use crate::failure::Failure;
use crate::repo::Repo;
use crate::run::Run;

const REMEDY: &str = "install valgrind: `apt-get install valgrind` (Debian), `dnf install valgrind` (Fedora), `pacman -S valgrind` (Arch)";

const VALGRIND: &str = "valgrind --quiet --error-exitcode=99 --undef-value-errors=no --leak-check=no --fair-sched=yes";

/// Packages, targets and tests: the borders to C++ (of process groups two members in one process), the views of tensors' memory, the calls of `gemm`.
const TESTS: [&[&str]; 5] = [
    &["--package", "lzn-torch", "--test", "autograd"],
    &["--package", "lzn-torch", "--test", "dist", "members"],
    &["--package", "lzn-torch", "--lib", "precision"],
    &["--package", "lzn-torch", "--test", "zones", "host"],
    &["--package", "lzn-latent", "--lib", "gemm"],
];

/// Runs the tests of unsafe code under valgrind; installs it where there is none, if the system's package manager can and may.
pub(crate) fn check(repo: &Repo) -> Result<(), Failure> {
    let version = || Run::new("valgrind").arg("--version").quiet();
    if version().is_err() {
        crate::apt::install("valgrind", "valgrind to watch memory with", REMEDY)?;
    }
    println!("    {}", version().map_err(|failure| failure.remedy(REMEDY))?.trim());
    for tests in TESTS {
        // The tests of other steps, as they have been built.
        Run::cargo(repo).arg("test").args(tests).env(&runner(std::env::consts::ARCH), VALGRIND).show()?;
    }
    Ok(())
}

/// The variable through which cargo runs tests inside of another program.
fn runner(architecture: &str) -> String {
    format!("CARGO_TARGET_{}_UNKNOWN_LINUX_GNU_RUNNER", architecture.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_finds_the_runner_of_the_architecture() {
        assert_eq!(runner("x86_64"), "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER");
    }
}
