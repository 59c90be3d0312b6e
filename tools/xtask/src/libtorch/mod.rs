//! libtorch for this repository: which one is used, whether it is complete, and how it is installed.
//!
//! [`source`] says whose libtorch a build takes, [`folder`] judges a folder, [`install`] fills `.lzn/libtorch`
//! from the Python wheel of the same version: [`cpu`] unpacks the few files that a CPU build needs,
//! [`cuda`] installs the whole package where there is an NVIDIA GPU. [`headers`] brings the headers of CUDA alone.

pub(crate) mod cpu;
pub(crate) mod cuda;
pub(crate) mod download;
pub(crate) mod folder;
pub(crate) mod headers;
pub(crate) mod install;
pub(crate) mod prerequisites;
pub(crate) mod python;
pub(crate) mod source;
pub(crate) mod stamp;

/// The one libtorch that the `tch` of this workspace binds; the two move together (see the root Cargo.toml).
pub(crate) const WANTED: &str = "2.13.0";

/// The two builds of libtorch that set-up installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// Runs everywhere.
    Cpu,
    /// Runs everywhere too, and uses NVIDIA GPUs.
    Cuda,
}

impl Build {
    /// As written in the stamp.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}
