//! Headers of CUDA and NCCL without the rest of them: enough to compile what exchanges tensors of CUDA devices on any machine.

use std::fs;
use std::path::PathBuf;

use super::python::Python;
use super::{WANTED, cpu, download};
use crate::failure::Failure;
use crate::repo::Repo;

/// Packages of headers that torch does not depend on, at the versions of its toolkit.
pub(crate) const BESIDE_TORCH: [&str; 2] = ["nvidia-cuda-crt==13.0.88", "nvidia-cuda-cccl==13.0.85"];

/// Those that it does depend on, at the versions that its metadata asks for. NCCL is 200 MB for one header, whose structures must be
/// those that libtorch was built with; headers of the linear algebra, which are 800 MB, have stand-ins.
const OF_TORCH: [&str; 2] = ["nvidia-cuda-runtime==13.0.96", "nvidia-nccl-cu13==2.29.7"];

/// The folder of headers of this version of libtorch, downloaded unless they are there.
///
/// # Errors
/// If pip does not bring them.
pub(crate) fn ensure(repo: &Repo, python: &Python) -> Result<PathBuf, Failure> {
    let headers = repo.state().join(format!("cuda-headers-{WANTED}"));
    if headers.is_dir() {
        return Ok(headers);
    }
    let partial = repo.state().join("cuda-headers.partial");
    download::empty(&partial)?;
    for package in BESIDE_TORCH.iter().chain(&OF_TORCH) {
        let wheel = download::wheel(repo, python, package)?;
        cpu::unpack(python, "headers").arg(&wheel).arg(&partial).capture()?;
        download::remove(&wheel)?;
    }
    fs::rename(&partial, &headers).map_err(|error| Failure::io("cannot move", &partial, &error))?;
    Ok(headers)
}
