//! Where things are in this repository.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The repository's root folder and the ignored folder inside it that set-up fills.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    root: PathBuf,
}

impl Repo {
    /// The repository that this program was started for, from whatever folder inside it.
    pub(crate) fn find() -> Result<Self, Failure> {
        // Cargo sets this for `cargo run`; the compiled-in value serves a binary that is started by hand.
        let manifest =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.join("../..");
        let root = root.canonicalize().map_err(|error| {
            Failure::io("cannot find the repository at", &root, &error)
                .remedy("start this with `cargo xtask` inside the repository")
        })?;
        Ok(Self::at(root))
    }

    pub(crate) fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// What set-up installs, ignored by git.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join(".lzn")
    }

    /// Where `.cargo/config.toml` points LIBTORCH to.
    pub(crate) fn libtorch(&self) -> PathBuf {
        self.state().join("libtorch")
    }

    /// A path as people see it: relative to the repository where it lies inside.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
