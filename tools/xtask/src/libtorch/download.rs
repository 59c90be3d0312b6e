//! Fetches wheels with pip, each kept as soon as it is whole.

use std::fs;
use std::path::{Path, PathBuf};

use super::python::Python;
use crate::failure::Failure;
use crate::progress::{self, Heartbeat};
use crate::repo::Repo;

/// The folder of downloads that survives an interruption, and is removed after success.
pub(crate) fn folder(repo: &Repo) -> PathBuf {
    repo.state().join("downloads")
}

/// The wheel of `requirement` (`name==version`), downloaded unless an earlier run already did.
pub(crate) fn wheel(repo: &Repo, python: &Python, requirement: &str) -> Result<PathBuf, Failure> {
    let downloads = folder(repo);
    let partial = downloads.join("partial");
    // Both pip's own temporary files and its result go there: what is left of an interrupted run goes with it.
    empty(&partial)?;
    if let Some(wheel) = find_wheel(&downloads, requirement) {
        println!("    {} is already downloaded", repo.shown(&wheel));
        return Ok(wheel);
    }
    let heartbeat =
        (!std::io::IsTerminal::is_terminal(&std::io::stdout())).then(|| Heartbeat::watching(partial.clone()));
    let pip = python.pip().args(["download", "--no-deps", "--dest"]).arg(&partial).env("TMPDIR", &partial);
    let pip = pip.args(python.download_options()).args(python.wheel_options()).arg(requirement);
    pip.show().map_err(|failure| {
        failure.remedy("check the connection to your package index, then run the same command again")
    })?;
    drop(heartbeat);
    let whole = find_wheel(&partial, requirement)
        .ok_or_else(|| Failure::new(format!("pip brought no wheel of {requirement}")))?;
    let kept = downloads.join(whole.file_name().unwrap_or_default());
    fs::rename(&whole, &kept).map_err(|error| Failure::io("cannot move", &whole, &error))?;
    let bytes = fs::metadata(&kept).map_or(0, |data| data.len());
    println!("    {}: {}", repo.shown(&kept), progress::size(bytes));
    Ok(kept)
}

/// Makes a folder that exists and is empty.
pub(crate) fn empty(folder: &Path) -> Result<(), Failure> {
    remove(folder)?;
    fs::create_dir_all(folder).map_err(|error| Failure::io("cannot make", folder, &error))
}

/// Removes a file, link or folder if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    let Ok(data) = fs::symlink_metadata(path) else { return Ok(()) };
    let removed = if data.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|error| Failure::io("cannot remove", path, &error))
}

fn find_wheel(folder: &Path, requirement: &str) -> Option<PathBuf> {
    let start = wheel_prefix(requirement)?;
    let names = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    names.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.to_lowercase().starts_with(&start) && name.ends_with(".whl")
    })
}

/// How the file name of a wheel starts (binary distribution format): `nvidia-cuda-cupti==13.0.85` -> `nvidia_cuda_cupti-13.0.85-`.
fn wheel_prefix(requirement: &str) -> Option<String> {
    let (name, version) = requirement.split_once("==")?;
    Some(format!("{}-{version}-", name.replace('-', "_")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtorch::folder::testing::Scratch;

    #[test]
    fn a_wheel_is_found_by_name_and_exact_version() {
        let folder = Scratch::new("wheels");
        for name in ["torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl", "nvidia_cuda_cupti-13.0.85-py3-none-any.whl"]
        {
            fs::write(folder.path().join(name), "").expect("writable");
        }
        assert!(find_wheel(folder.path(), "torch==2.13.0").is_some());
        assert!(find_wheel(folder.path(), "nvidia-cuda-cupti==13.0.85").is_some());
        assert_eq!(find_wheel(folder.path(), "torch==2.13"), None);
        assert_eq!(find_wheel(folder.path(), "torch==2.1"), None);
    }
}
