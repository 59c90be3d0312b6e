//! Whose libtorch a build takes: the same order of precedence as in torch-sys.

use std::path::{Path, PathBuf};

/// Where torch-sys will look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// `LIBTORCH_USE_PYTORCH` is set: the `torch` module of the user's Python.
    PythonModule,
    /// `LIBTORCH` is set by the user: that folder.
    Own(PathBuf),
    /// Neither: `.lzn/libtorch` of this repository, by way of `.cargo/config.toml`.
    Repository,
}

impl Source {
    /// What the environment says, for a repository whose own libtorch is `ours`.
    pub(crate) fn detect(ours: &Path) -> Self {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        Self::decide(variable("LIBTORCH_USE_PYTORCH").is_some(), variable("LIBTORCH"), ours)
    }

    fn decide(use_pytorch: bool, libtorch: Option<PathBuf>, ours: &Path) -> Self {
        match libtorch {
            // torch-sys asks whether it is set, not to what: even an empty value counts.
            _ if use_pytorch => Self::PythonModule,
            // Cargo sets LIBTORCH to our folder for everything that it runs, this program included.
            Some(folder) if same_place(&folder, ours) => Self::Repository,
            Some(folder) => Self::Own(folder),
            None => Self::Repository,
        }
    }
}

fn same_place(one: &Path, other: &Path) -> bool {
    // Before the first set-up neither exists, and only their spelling can be compared.
    let resolve = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.components().collect());
    resolve(one) == resolve(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "/repository/.lzn/libtorch";

    fn decide(use_pytorch: bool, libtorch: Option<&str>) -> Source {
        Source::decide(use_pytorch, libtorch.map(PathBuf::from), Path::new(OURS))
    }

    #[test]
    fn a_libtorch_of_the_users_own_wins() {
        assert_eq!(decide(false, Some("/opt/libtorch")), Source::Own("/opt/libtorch".into()));
        assert_eq!(decide(true, Some("/opt/libtorch")), Source::PythonModule);
        assert_eq!(decide(true, Some(OURS)), Source::PythonModule);
    }

    #[test]
    fn what_cargo_sets_by_itself_is_not_the_users_own() {
        assert_eq!(decide(false, None), Source::Repository);
        assert_eq!(decide(false, Some(OURS)), Source::Repository);
        assert_eq!(decide(false, Some("/repository/./.lzn/libtorch/")), Source::Repository);
    }
}
