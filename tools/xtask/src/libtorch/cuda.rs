//! The CUDA build: the whole Python package with the NVIDIA libraries that it depends on, since those find each other
//! by their places relative to one another.

use std::path::{Path, PathBuf};

use super::python::Python;
use super::{WANTED, download, headers};
use crate::failure::Failure;
use crate::progress::Heartbeat;
use crate::repo::Repo;

/// Where the package and its dependencies live; `.lzn/libtorch` then links to `torch` inside.
pub(crate) fn packages(repo: &Repo) -> PathBuf {
    repo.state().join("python")
}

/// Installs torch with its dependencies into `target` (made anew) and returns the libtorch folder inside.
pub(crate) fn install(repo: &Repo, python: &Python, target: &Path) -> Result<PathBuf, Failure> {
    if !python.has_wheels() {
        return Err(Failure::new(format!("torch {WANTED} has no package for {}", python.described()))
            .remedy("install Python 3.12, or run `cargo xtask setup --cpu` to do without the GPU"));
    }
    download::remove(target)?;
    let temporary = download::folder(repo).join("partial");
    download::empty(&temporary)?;
    let heartbeat =
        (!std::io::IsTerminal::is_terminal(&std::io::stdout())).then(|| Heartbeat::watching(temporary.clone()));
    // pip keeps finished downloads in its own cache, so an interrupted run does not fetch them again.
    let pip = python.pip().args(["install", "--only-binary=:all:", "--no-compile", "--target"]).arg(target);
    let pip = pip.args(python.download_options()).env("TMPDIR", &temporary).arg(format!("torch=={WANTED}"));
    // torch depends on the other packages of headers.
    let pip = pip.args(headers::BESIDE_TORCH);
    pip.show().map_err(|failure| {
        failure.remedy("check the connection to your package index, then run the same command again; `cargo xtask setup --cpu` does without the GPU")
    })?;
    drop(heartbeat);
    let libtorch = target.join("torch");
    let version = libtorch.join("build-version");
    std::fs::write(&version, format!("{WANTED}\n")).map_err(|error| Failure::io("cannot write", &version, &error))?;
    Ok(libtorch)
}
