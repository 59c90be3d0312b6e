//! `cargo xtask doctor`: looks at this machine without building anything, or explains the output of a failed build.
//!
//! `lzn doctor` tells more about a libtorch that works; this one is for when no program that links it can start.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Invocation;
use crate::diagnose::{self, Diagnosis};
use crate::failure::Failure;
use crate::libtorch::folder::{self, library_file};
use crate::libtorch::install::{self, Present};
use crate::libtorch::prerequisites as need;
use crate::libtorch::python::Python;
use crate::libtorch::source::Source;
use crate::libtorch::{Build, WANTED};
use crate::progress;
use crate::repo::Repo;
use crate::run::Run;

/// One line of the report: what was found, and the remedy if it is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    topic: &'static str,
    what: String,
    remedy: Option<String>,
}

impl Finding {
    fn good(topic: &'static str, what: impl Into<String>) -> Self {
        Self { topic, what: what.into(), remedy: None }
    }

    fn bad(topic: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { topic, what: what.into(), remedy: Some(remedy.into()) }
    }

    fn from_failure(topic: &'static str, failure: Failure, remedy: &str) -> Self {
        Self { topic, what: failure.what, remedy: Some(failure.remedy.unwrap_or_else(|| remedy.to_owned())) }
    }
}

/// Prints the report; the exit code says whether anything is wrong.
pub(crate) fn run(call: &Invocation<'_>) -> Result<ExitCode, Failure> {
    match call.arguments {
        [] => Ok(report(&examine(call.repo))),
        [log] => explain(&read_log(log)?),
        [_, unknown, ..] => Err(Failure::new(format!("`doctor` takes one file of build output, got also `{unknown}`"))),
    }
}

fn report(findings: &[Finding]) -> ExitCode {
    let wrong = findings.iter().filter(|finding| finding.remedy.is_some()).count();
    // Whoever reads, for instance `head`, may have read enough: a closed pipe is no failure.
    let _ = std::io::stdout().write_all(to_text(findings, wrong).as_bytes());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn to_text(findings: &[Finding], wrong: usize) -> String {
    let mut text = String::new();
    for Finding { topic, what, remedy } in findings {
        let mark = if remedy.is_some() { "WRONG" } else { "ok" };
        text.push_str(&format!("{mark:5} {topic:9} {}\n", what.replace('\n', "\n                ")));
        if let Some(remedy) = remedy {
            text.push_str(&format!("      remedy:   {remedy}\n"));
        }
    }
    text.push_str(&match wrong {
        0 => {
            "\nnothing wrong was found; `cargo run --release --package lzn -- doctor` asks libtorch itself\n".to_owned()
        }
        _ => format!("\n{wrong} of {} findings want attention\n", findings.len()),
    });
    text
}

fn explain(log: &str) -> Result<ExitCode, Failure> {
    match diagnose::recognise(log) {
        Some(Diagnosis { cause, remedy }) => {
            println!("cause:  {cause}\nremedy: {remedy}");
            Ok(ExitCode::SUCCESS)
        }
        None => Err(Failure::new("this output holds none of the failures that are known here")
            .remedy("run `cargo xtask doctor` without a file to look at the machine itself")),
    }
}

fn read_log(name: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let path = Path::new(name);
    let read = match name {
        "-" => std::io::stdin().read_to_end(&mut bytes).map(drop),
        _ => std::fs::read(path).map(|content| bytes = content),
    };
    read.map_err(|error| Failure::io("cannot read", path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn examine(repo: &Repo) -> Vec<Finding> {
    let source = Source::detect(&repo.libtorch());
    let python = Python::look(repo);
    let mut findings = vec![
        match need::check_platform() {
            Ok(()) => Finding::good("system", format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH)),
            Err(failure) => Finding::from_failure("system", failure, "use Linux"),
        },
        match need::check_compiler() {
            Ok(compiler) => Finding::good("compiler", compiler),
            Err(failure) => Finding::from_failure("compiler", failure, "install g++"),
        },
        match &python {
            Ok(python) => Finding::good("python", python.described()),
            Err(failure) => Finding::from_failure("python", failure.clone(), "install Python 3 with pip"),
        },
        match need::free_space(repo.root()) {
            Some(free) if free < 4_000_000_000 => Finding::bad(
                "disk",
                format!("{} free", progress::size(free)),
                "free some: libtorch takes about 0.6 GB, compiled programs up to 4 GB",
            ),
            Some(free) => Finding::good("disk", format!("{} free", progress::size(free))),
            None => Finding::good("disk", "free space unknown"),
        },
    ];
    findings.extend(libtorch(repo, &source, python.as_ref().ok()));
    findings.extend(gpus(repo, &source));
    findings.extend(shadows(&std::env::var("LD_LIBRARY_PATH").unwrap_or_default(), repo));
    findings.extend(environment(|name| std::env::var(name).ok()));
    findings.extend(programs(repo));
    findings
}

/// The libtorch that a build would take.
fn libtorch(repo: &Repo, source: &Source, python: Option<&Python>) -> Vec<Finding> {
    const TOPIC: &str = "libtorch";
    let place = match source {
        Source::PythonModule => {
            return vec![match install::python_module_version() {
                Ok(version) => {
                    Finding::good(TOPIC, format!("{version}, the torch of your Python (LIBTORCH_USE_PYTORCH is set)"))
                }
                Err(failure) => Finding::from_failure(TOPIC, failure, "unset LIBTORCH_USE_PYTORCH"),
            }];
        }
        Source::Own(folder) => match folder::inspect(folder) {
            Ok(_) => folder.clone(),
            Err(what) => {
                let remedy = format!("point LIBTORCH to a libtorch {WANTED}, or unset it and run `cargo xtask setup`");
                return vec![Finding::bad(TOPIC, format!("LIBTORCH is set, but {what}"), remedy)];
            }
        },
        Source::Repository => match install::present(repo) {
            Present::Unusable(what) => return vec![Finding::bad(TOPIC, what, "`cargo xtask setup`")],
            _ => repo.libtorch(),
        },
    };
    let found =
        Finding::good(TOPIC, format!("{} in {}", folder::version(&place).unwrap_or_default(), repo.shown(&place)));
    let loads = python.map(|python| match python.can_load(&place.join("lib").join(library_file("torch_cpu"))) {
        Ok(()) => Finding::good(TOPIC, "its library loads"),
        Err(failure) => Finding::from_failure(TOPIC, failure, "`cargo xtask setup --force`"),
    });
    std::iter::once(found).chain(loads).collect()
}

/// tch-rs #907, #904, #980: a GPU that goes unused because libtorch is a CPU build.
fn gpus(repo: &Repo, source: &Source) -> Vec<Finding> {
    let gpus = need::nvidia_gpus();
    if gpus.is_empty() {
        return vec![Finding::good("gpu", "no NVIDIA GPU (nvidia-smi lists none)")];
    }
    let build = match source {
        Source::PythonModule => None,
        Source::Own(folder) => folder::inspect(folder).ok(),
        Source::Repository => folder::inspect(&repo.libtorch()).ok(),
    };
    if build.is_some_and(|found| found.build == Build::Cpu) {
        let remedy = "`cargo xtask setup` installs the CUDA build; with a LIBTORCH of your own, take its CUDA build";
        return vec![Finding::bad("gpu", format!("{}; but libtorch is a CPU build", gpus.join(", ")), remedy)];
    }
    vec![Finding::good("gpu", gpus.join(", "))]
}

/// Folders of LD_LIBRARY_PATH, which come before the one that is linked into programs, with a libtorch of their own.
fn shadows(search_path: &str, repo: &Repo) -> Vec<Finding> {
    let ours = repo.libtorch().join("lib").canonicalize().ok();
    let folders = std::env::split_paths(search_path).filter(|folder| !folder.as_os_str().is_empty());
    let others = folders
        .filter(|folder| folder.join(library_file("torch_cpu")).exists() || folder.join(library_file("c10")).exists());
    let foreign = others.filter(|folder| folder.canonicalize().ok() != ours);
    let finding = |folder: PathBuf| {
        let version =
            folder.parent().and_then(folder::version).map_or_else(String::new, |version| format!(" ({version})"));
        let what = format!(
            "LD_LIBRARY_PATH puts the libtorch{version} of {} before the one that programs are built with",
            folder.display()
        );
        Finding::bad("loader", what, format!("take {} out of LD_LIBRARY_PATH", folder.display()))
    };
    foreign.map(finding).collect()
}

/// Variables that change how torch-sys builds, and are easily forgotten in a shell's start-up file.
fn environment(value: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let suspects = [
        (
            "LIBTORCH_BYPASS_VERSION_CHECK",
            "lets a libtorch of another version through, which then fails to compile or computes wrong results",
        ),
        ("LIBTORCH_INCLUDE", "takes the headers from another place than the libraries"),
        ("LIBTORCH_LIB", "takes the libraries from another place than the headers"),
        ("LIBTORCH_STATIC", "links libtorch statically, which the shared libraries of set-up do not allow"),
    ];
    let abi = value("LIBTORCH_CXX11_ABI").filter(|abi| abi != "1").map(|abi| {
        let what = format!("LIBTORCH_CXX11_ABI={abi} compiles for the C++ ABI that libtorch {WANTED} no longer has");
        Finding::bad("variables", what, "unset LIBTORCH_CXX11_ABI")
    });
    let set = suspects.iter().filter_map(|(name, effect)| {
        let value = value(name)?;
        Some(Finding::bad("variables", format!("{name}={value} {effect}"), format!("unset {name} unless you mean it")))
    });
    set.chain(abi).collect()
}

/// Starts the programs that were built here, if any: a loader's complaint shows without running anything of theirs.
fn programs(repo: &Repo) -> Vec<Finding> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repo.path("target"), |folder| repo.root().join(folder));
    let built = ["release", "debug"].map(|profile| target.join(profile).join("lzn"));
    let start = |program: PathBuf| {
        let shown = repo.shown(&program);
        match Run::new(&program).arg("--version").quiet() {
            Ok(_) => Finding::good("program", format!("{shown} starts")),
            Err(failure) => {
                Finding::from_failure("program", failure, "build it again: `cargo build --release --package lzn`")
            }
        }
    };
    built.into_iter().filter(|program| program.is_file()).map(start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtorch::folder::testing::fake_libtorch;

    #[test]
    fn a_libtorch_in_the_loaders_path_is_found_with_its_version() {
        let other = fake_libtorch("shadow", "2.5.1+cpu");
        let path =
            std::env::join_paths([PathBuf::from("no/such/folder"), other.path().join("lib")]).expect("no colons");
        let findings = shadows(&path.to_string_lossy(), &Repo::at("elsewhere"));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].what.contains("2.5.1"), "{}", findings[0].what);
        assert!(shadows("", &Repo::at("elsewhere")).is_empty());
    }

    #[test]
    fn our_own_libtorch_in_the_loaders_path_is_no_shadow() {
        let root = crate::libtorch::folder::testing::Scratch::new("own");
        let repo = Repo::at(root.path());
        let lib = repo.libtorch().join("lib");
        std::fs::create_dir_all(&lib)
            .and_then(|()| std::fs::write(lib.join(library_file("c10")), ""))
            .expect("writable");
        assert!(shadows(&lib.to_string_lossy(), &repo).is_empty());
    }

    #[test]
    fn an_own_libtorch_that_is_not_one_is_wrong_and_says_why() {
        let old = fake_libtorch("own-old", "2.2.2");
        let repo = Repo::at("elsewhere");
        let wrong = |folder: &Path| libtorch(&repo, &Source::Own(folder.to_owned()), None).remove(0);
        assert!(wrong(old.path()).what.contains("libtorch 2.2.2") && wrong(old.path()).remedy.is_some());
        assert!(wrong(Path::new("no/such/folder")).what.contains("is not a folder"));
    }

    #[test]
    fn forgotten_variables_are_found_and_the_default_abi_is_not_one() {
        let set = |names: &'static [&'static str], value: &'static str| {
            move |name: &str| names.contains(&name).then(|| value.to_owned())
        };
        assert_eq!(environment(set(&["LIBTORCH_BYPASS_VERSION_CHECK", "LIBTORCH_LIB"], "1")).len(), 2);
        assert_eq!(environment(set(&["LIBTORCH_CXX11_ABI"], "0")).len(), 1);
        assert!(environment(set(&["LIBTORCH_CXX11_ABI"], "1")).is_empty());
    }
}
