//! The CPU build: the libraries and headers that we link, taken out of the wheel of torch.
//!
//! The wheel on Linux is a CUDA build; its CPU library works alone, but refers to two small libraries
//! of the CUDA toolkit (for its profiler), which come in wheels of their own.

use std::fs;
use std::path::Path;

use super::python::Python;
use super::{WANTED, download, folder};
use crate::failure::Failure;
use crate::repo::Repo;
use crate::run::Run;

const UNPACK: &str = include_str!("unpack.py");

/// Libraries that the CPU library may refer to, and the packages that hold them,
/// at the versions that torch's own metadata asks for.
const COMPANIONS: [(&str, &str); 2] =
    [("libcudart.so.13", "nvidia-cuda-runtime==13.0.96"), ("libcupti.so.13", "nvidia-cuda-cupti==13.0.85")];

/// Fills `target` (an empty folder) with a CPU libtorch.
pub(crate) fn install(repo: &Repo, python: &Python, target: &Path) -> Result<(), Failure> {
    let lib = target.join("lib");
    let torch = download::wheel(repo, python, &format!("torch=={WANTED}"))?;
    let kind = unpack(python, "libtorch").arg(&torch).arg(target).capture()?;
    let core = lib.join(folder::library_file("torch_cpu"));
    let names = COMPANIONS.iter().map(|(library, _)| *library);
    let needed = unpack(python, "needs").arg(&core).args(names).capture()?;
    for (library, package) in COMPANIONS.iter().filter(|(library, _)| needed.lines().any(|line| line == *library)) {
        let wheel = download::wheel(repo, python, package)?;
        unpack(python, "library").arg(&wheel).arg(&lib).arg(library).capture()?;
    }
    if kind.trim() == "cuda" {
        // In place of the library that would pull in CUDA: tells the linker to take these two.
        write(&lib.join("libtorch.so"), "INPUT(-ltorch_cpu -lc10)\n")?;
    }
    write(&target.join("build-version"), &format!("{WANTED}\n"))
}

/// A command that unpacks parts of wheels.
pub(super) fn unpack(python: &Python, command: &str) -> Run {
    python.run().args(["-c", UNPACK, command])
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::io("cannot write", path, &error))
}
