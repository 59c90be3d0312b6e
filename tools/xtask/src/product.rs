//! lzn-latent as others get it: its examples, a program outside of the workspace that uses it, the package that would be
//! published, and the oldest compiler that it promises.

use std::fs;
use std::path::PathBuf;

use crate::arrows;
use crate::failure::Failure;
use crate::repo::Repo;
use crate::run::Run;

const CRATE: &str = "lzn-latent";
const FOLDER: &str = "crates/lzn-latent";

/// Every example asserts what it claims, so running them is testing them.
pub(crate) fn examples(repo: &Repo) -> Result<(), Failure> {
    let picture = target(repo).join("zones.png");
    for (name, argument) in [("zones_2d", Some(picture.as_os_str())), ("classify", None), ("align_tables", None)] {
        let run = Run::cargo(repo).args(["run", "--package", CRATE, "--example", name, "--"]).args(argument);
        without_libtorch(repo, run).show()?;
    }
    Ok(())
}

/// A user's program on lzn-latent alone: nothing of libtorch comes along, it is formatted, has no warnings, passes its tests and
/// runs.
pub(crate) fn downstream(repo: &Repo) -> Result<(), Failure> {
    let folder = repo.path("tools/downstream");
    let target = target(repo).join("downstream");
    let cargo = |arguments: &[&str]| {
        without_libtorch(repo, Run::cargo(repo).args(arguments).env("CARGO_TARGET_DIR", &target)).dir(&folder)
    };
    arrows::check_downstream(cargo(&arrows::TREE))?;
    cargo(&["fmt", "--check"]).show()?;
    cargo(&["clippy", "--locked", "--all-targets", "--", "--deny", "warnings"]).show()?;
    cargo(&["test", "--locked"]).show()?;
    cargo(&["run", "--locked"]).show()
}

/// A program with a data type of its own: it is formatted, builds on crates of the workspace alone, and fails unless what it trains learns.
/// It builds where the workspace does, with the same profile, so that little is compiled again.
pub(crate) fn datatype(repo: &Repo) -> Result<(), Failure> {
    let folder = repo.path("tools/datatype-example");
    let cargo =
        |arguments: &[&str]| Run::cargo(repo).args(arguments).env("CARGO_TARGET_DIR", target(repo)).dir(&folder);
    cargo(&["fmt", "--check"]).show()?;
    cargo(&["run", "--locked"]).show()
}

/// What would be uploaded holds what it must, and builds on its own. Needs no network: `cargo publish --dry-run` does the same and
/// asks the registry besides.
pub(crate) fn package(repo: &Repo) -> Result<(), Failure> {
    let package = || Run::cargo(repo).args(["package", "--package", CRATE, "--allow-dirty", "--offline"]);
    let wrong = unlike_a_package(&package().args(["--list", "--no-verify"]).quiet()?);
    if !wrong.is_empty() {
        return Err(Failure::new(wrong.join("\n")).remedy(format!("see `include` in {FOLDER}/Cargo.toml")));
    }
    without_libtorch(repo, package()).show()
}

fn unlike_a_package(list: &str) -> Vec<String> {
    let files: Vec<&str> = list.lines().collect();
    let missing = ["Cargo.toml", "LICENSE", "README.md", "src/lib.rs", "examples/classify.rs"];
    let missing =
        missing.iter().filter(|file| !files.contains(file)).map(|file| format!("{file} is not in the package"));
    // The tests draw from a crate that is not published.
    let surplus =
        files.iter().filter(|file| file.starts_with("tests/")).map(|file| format!("{file} is in the package"));
    missing.chain(surplus).collect()
}

/// The library builds with the oldest compiler that its manifest and its README name.
pub(crate) fn oldest_compiler(repo: &Repo) -> Result<(), Failure> {
    let manifest = read(repo, &format!("{FOLDER}/Cargo.toml"))?;
    let version = rust_version(&manifest)
        .ok_or_else(|| Failure::new(format!("{FOLDER}/Cargo.toml does not state its own `rust-version`")))?;
    if !read(repo, &format!("{FOLDER}/README.md"))?.contains(&format!("Rust {version} ")) {
        return Err(Failure::new(format!("{FOLDER}/README.md does not name Rust {version}, the manifest does")));
    }
    let install = ["toolchain", "install", version, "--profile", "minimal"];
    if !installed(version) && std::env::var_os("CI").is_some() {
        // Where rustup cannot fetch compilers, the next line says so.
        let _ = Run::new("rustup").args(install).show();
    }
    if !installed(version) {
        println!("    not tried: Rust {version} is not installed; `rustup {}` installs it", install.join(" "));
        return Ok(());
    }
    let check = ["run", version, "cargo", "check", "--locked", "--package", CRATE, "--lib"];
    let run = Run::new("rustup").args(check).dir(repo.root()).env("CARGO_TARGET_DIR", target(repo).join("oldest"));
    without_libtorch(repo, run).show()
}

fn installed(version: &str) -> bool {
    Run::new("rustup").args(["run", version, "rustc", "--version"]).quiet().is_ok()
}

/// The value of the line `rust-version = "..."`.
fn rust_version(manifest: &str) -> Option<&str> {
    let value = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \""))?;
    value.strip_suffix('"')
}

fn read(repo: &Repo, file: &str) -> Result<String, Failure> {
    let path = repo.path(file);
    fs::read_to_string(&path).map_err(|error| Failure::io("cannot read", &path, &error))
}

/// As on a machine that has no libtorch.
fn without_libtorch(repo: &Repo, run: Run) -> Run {
    run.env("LIBTORCH", repo.path("no-libtorch-here")).without_env("LIBTORCH_USE_PYTORCH")
}

fn target(repo: &Repo) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repo.path("target"), |folder| repo.root().join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_lacks_and_what_it_has_too_much_are_named() {
        let whole = "Cargo.toml\nLICENSE\nREADME.md\nexamples/classify.rs\nsrc/lib.rs";
        assert!(unlike_a_package(whole).is_empty());
        let list = whole.replace("LICENSE", "tests/zones.rs");
        assert_eq!(unlike_a_package(&list), ["LICENSE is not in the package", "tests/zones.rs is in the package"]);
    }

    #[test]
    fn the_oldest_compiler_is_read_from_a_manifest_that_names_its_own() {
        assert_eq!(rust_version("[package]\nrust-version = \"1.85\"\n"), Some("1.85"));
        assert_eq!(rust_version("[package]\nrust-version.workspace = true\n"), None);
    }
}
