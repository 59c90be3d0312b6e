//! What a machine must have before set-up starts: looked at first, so that nothing is downloaded in vain.

use std::path::Path;

use super::Build;
use crate::failure::Failure;
use crate::progress;
use crate::repo::Repo;
use crate::run::Run;

const GIGABYTE: u64 = 1_000_000_000;

/// The systems for which the Python package holds what we need.
pub(crate) fn check_platform() -> Result<(), Failure> {
    use std::env::consts::{ARCH, OS};
    if is_supported(OS, ARCH) {
        return Ok(());
    }
    Err(Failure::new(format!("set-up does not know how to get libtorch for {OS} on {ARCH}")).remedy(format!(
        "install libtorch {} yourself, then set LIBTORCH to its folder, or LIBTORCH_USE_PYTORCH=1 to use the torch of your Python",
        super::WANTED
    )))
}

fn is_supported(os: &str, arch: &str) -> bool {
    matches!((os, arch), ("linux", "x86_64" | "aarch64") | ("macos", "aarch64"))
}

/// A C++ compiler with the standard headers: torch-sys compiles a bridge of C++17.
pub(crate) fn check_compiler() -> Result<String, Failure> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    let source = std::env::temp_dir().join(format!("lzn-compiler-check-{}.cpp", std::process::id()));
    std::fs::write(&source, "#include <optional>\n#include <vector>\nstd::optional<std::vector<int>> value;\n")
        .map_err(|error| Failure::io("cannot write", &source, &error))?;
    let checked = Run::new(&compiler).args(["-std=c++17", "-fsyntax-only"]).arg(&source).quiet();
    // Left behind at worst in the system's folder for such files.
    let _ = std::fs::remove_file(&source);
    checked.map_err(|failure| {
        Failure::new(format!("there is no working C++17 compiler: {}", failure.what)).remedy(
            "install one: `apt-get install g++` (Debian, Ubuntu), `dnf install gcc-c++` (Fedora), \
             `pacman -S gcc` (Arch), `xcode-select --install` (macOS); or set CXX to yours",
        )
    })?;
    let version = Run::new(&compiler).arg("--version").quiet()?;
    Ok(version.lines().next().unwrap_or(&compiler).to_owned())
}

/// Enough free space for the download, a second copy in pip's cache, and the unpacked files.
pub(crate) fn check_space(repo: &Repo, build: Build) -> Result<(), Failure> {
    let needed = match build {
        Build::Cpu => 2 * GIGABYTE,
        Build::Cuda => 12 * GIGABYTE,
    };
    match free_space(repo.root()) {
        Some(free) if free < needed => Err(Failure::new(format!(
            "{} is free in {}, set-up needs {}",
            progress::size(free),
            repo.root().display(),
            progress::size(needed)
        ))
        .remedy("free some disk space, then run the same command again")),
        // Where the system does not tell, a full disk is reported when it happens.
        _ => Ok(()),
    }
}

/// Free bytes on the disk that holds a folder.
pub(crate) fn free_space(folder: &Path) -> Option<u64> {
    parse_df(&Run::new("df").arg("-Pk").arg(folder).quiet().ok()?)
}

/// Reads the fourth column of POSIX `df -Pk`: available blocks of 1024 bytes.
fn parse_df(text: &str) -> Option<u64> {
    let blocks: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    blocks.checked_mul(1024)
}

/// The NVIDIA GPUs that the driver lists, one per line; none without a driver.
pub(crate) fn nvidia_gpus() -> Vec<String> {
    let listed = Run::new("nvidia-smi").arg("-L").quiet().unwrap_or_default();
    listed.lines().filter(|line| line.starts_with("GPU ")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_read_from_df() {
        let text = "Filesystem 1024-blocks    Used Available Capacity Mounted on\n/dev/sda1    263000000 13000000  82000000      15% /\n";
        assert_eq!(parse_df(text), Some(82_000_000 * 1024));
        assert_eq!(parse_df("df: no such folder\n"), None);
    }

    #[test]
    fn systems_without_a_known_way_are_refused() {
        assert!(is_supported("linux", "x86_64"));
        assert!(!is_supported("windows", "x86_64"));
        assert!(!is_supported("macos", "x86_64"));
    }
}
