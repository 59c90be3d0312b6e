//! `cargo xtask ci`: everything that must pass before a change lands, in the order of what fails fastest.
//!
//! All steps build with the same profile and flags, so that what one compiles serves the next.

use std::time::Instant;

use super::{Invocation, golden};
use crate::failure::Failure;
use crate::libtorch::headers;
use crate::libtorch::install::{self, Wish};
use crate::libtorch::python::Python;
use crate::repo::Repo;
use crate::run::Run;
use crate::step::step;
use crate::{arrows, browser, memory, product, progress, tidy};

/// A step, its name on the command line, what it asserts, and how.
struct Step {
    name: &'static str,
    asserts: &'static str,
    run: fn(&Repo) -> Result<(), Failure>,
}

const STEPS: &[Step] = &[
    Step { name: "fmt", asserts: "all code is formatted", run: fmt },
    Step { name: "tidy", asserts: "files keep the house rules", run: tidy::check },
    Step { name: "arrows", asserts: "crates depend only on what they may", run: arrows::check },
    Step { name: "browser", asserts: "a browser is there to open reports in", run: browser::ensure },
    Step { name: "host", asserts: "the default members pass their tests where there is no libtorch", run: host },
    Step { name: "lmdb", asserts: "the optional reader of LMDB passes its tests", run: lmdb },
    Step { name: "examples", asserts: "the examples of lzn-latent find what they claim", run: product::examples },
    Step { name: "downstream", asserts: "a program of its own can use lzn-latent alone", run: product::downstream },
    Step { name: "package", asserts: "lzn-latent can be packed for a registry", run: product::package },
    Step {
        name: "msrv",
        asserts: "lzn-latent builds with the oldest compiler it names",
        run: product::oldest_compiler,
    },
    Step { name: "setup", asserts: "libtorch is there, or can be installed", run: setup },
    Step { name: "clippy", asserts: "no lint has anything to say", run: clippy },
    Step { name: "nccl", asserts: "the exchange between CUDA devices compiles, with headers alone", run: nccl },
    Step { name: "docs", asserts: "the documentation builds without a warning", run: docs },
    Step { name: "tests", asserts: "all tests pass", run: all_tests },
    Step {
        name: "datatype",
        asserts: "a program of its own can add a data type, train it and run tasks",
        run: datatype,
    },
    Step { name: "memory", asserts: "what is unsafe touches its own memory alone", run: unsafe_code },
    Step { name: "golden", asserts: "the numbers of the published reference are reproduced", run: golden_numbers },
    Step { name: "benches", asserts: "every bench runs once", run: benches },
];

/// The variable under which a test fails that would otherwise say that it was skipped, for want of a browser for instance.
const NOTHING_SKIPPED: (&str, &str) = ("CI", "true");

/// Runs the named steps, or all; stops at the first that fails.
pub(crate) fn run(call: &Invocation<'_>) -> Result<(), Failure> {
    if call.arguments == ["--list"] {
        STEPS.iter().for_each(|step| println!("{:10} {}", step.name, step.asserts));
        return Ok(());
    }
    let chosen = choose(call.arguments)?;
    let start = Instant::now();
    for (passed, Step { name, asserts, run }) in chosen.iter().enumerate() {
        step(&format!("{name}: {asserts}"), || run(call.repo)).map_err(|failure| {
            println!("steps: {passed} passed, 1 failed");
            failure.remedy(format!("repeat this step alone with `cargo xtask ci {name}`"))
        })?;
    }
    println!("==> all of it took {}", progress::time(start.elapsed()));
    println!("steps: {} passed, 0 failed", chosen.len());
    Ok(())
}

fn choose(names: &[String]) -> Result<Vec<&'static Step>, Failure> {
    if names.is_empty() {
        return Ok(STEPS.iter().collect());
    }
    let find = |name: &String| {
        STEPS.iter().find(|step| step.name == name).ok_or_else(|| {
            let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            Failure::new(format!("there is no step `{name}`")).remedy(format!("the steps are: {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

fn fmt(repo: &Repo) -> Result<(), Failure> {
    Run::cargo(repo).args(["fmt", "--all", "--check"]).show().map_err(|failure| failure.remedy("`cargo fmt --all`"))
}

/// As on a machine that has no libtorch: a crate that reached for it would not build.
fn host(repo: &Repo) -> Result<(), Failure> {
    let cargo = Run::cargo(repo).arg("test").env("LIBTORCH", repo.path("no-libtorch-here"));
    cargo.without_env("LIBTORCH_USE_PYTORCH").env(NOTHING_SKIPPED.0, NOTHING_SKIPPED.1).show()
}

/// Behind a feature, since it is a library in C.
fn lmdb(repo: &Repo) -> Result<(), Failure> {
    Run::cargo(repo).args(["test", "--package", "lzn-data", "--features", "lmdb", "--test", "lmdb"]).show()
}

fn setup(repo: &Repo) -> Result<(), Failure> {
    install::ensure(repo, Wish::default())
}

fn clippy(repo: &Repo) -> Result<(), Failure> {
    Run::cargo(repo).args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]).show()
}

/// Checking compiles the C++ half as well, but links nothing, for which there would have to be a libtorch with CUDA.
fn nccl(repo: &Repo) -> Result<(), Failure> {
    setup(repo)?;
    let headers = headers::ensure(repo, &Python::find(repo)?)?;
    let check = Run::cargo(repo).args(["check", "--workspace", "--features", "lzn/nccl"]);
    check.env("LZN_CUDA_INCLUDE", headers).show()
}

fn docs(repo: &Repo) -> Result<(), Failure> {
    Run::cargo(repo).args(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "--deny warnings").show()
}

fn all_tests(repo: &Repo) -> Result<(), Failure> {
    setup(repo)?;
    Run::cargo(repo).args(["test", "--workspace"]).env(NOTHING_SKIPPED.0, NOTHING_SKIPPED.1).show()
}

fn datatype(repo: &Repo) -> Result<(), Failure> {
    setup(repo)?;
    product::datatype(repo)
}

fn unsafe_code(repo: &Repo) -> Result<(), Failure> {
    setup(repo)?;
    memory::check(repo)
}

fn golden_numbers(repo: &Repo) -> Result<(), Failure> {
    golden::run(&Invocation { repo, arguments: &[] })
}

/// Criterion measures only when cargo passes `--bench`; under `cargo test` it runs each bench once,
/// in the profile of the tests, so that nothing is compiled a second time.
fn benches(repo: &Repo) -> Result<(), Failure> {
    Run::cargo(repo)
        .args(["test", "--package", "lzn-benches", "--package", "lzn-data", "--package", "lzn-eval", "--benches"])
        .show()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_by_name_in_the_order_given() {
        let names = |chosen: Vec<&Step>| chosen.iter().map(|step| step.name).collect::<Vec<_>>();
        assert_eq!(names(choose(&["docs".into(), "fmt".into()]).expect("both exist")), ["docs", "fmt"]);
        assert_eq!(choose(&[]).expect("all").len(), STEPS.len());
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_known_ones() {
        let failure = choose(&["lint".into()]).err().expect("no such step");
        assert!(failure.what.contains("`lint`") && failure.remedy.is_some_and(|remedy| remedy.contains("clippy")));
    }

    #[test]
    fn nothing_that_needs_libtorch_comes_before_the_set_up() {
        let place = |name: &str| STEPS.iter().position(|step| step.name == name).expect("it is a step");
        for later in ["clippy", "nccl", "docs", "tests", "datatype", "memory", "golden"] {
            assert!(place("setup") < place(later), "{later}");
        }
        assert!(place("browser") < place("host"), "tests of the default members open one");
        for earlier in ["host", "examples", "downstream", "package", "msrv"] {
            assert!(place(earlier) < place("setup"), "{earlier}");
        }
    }
}
