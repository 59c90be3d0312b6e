//! Why a command stopped, and what helps.

use std::fmt;
use std::io;
use std::path::Path;

/// An error for a person: what happened, and the remedy where one is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What happened, naming the file, program or value.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: None }
    }

    /// An operation on a file or folder that the system refused.
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        let failure = Self::new(format!("{doing} {}: {error}", path.display()));
        match error.kind() {
            io::ErrorKind::StorageFull => failure.remedy("free some disk space, then run the same command again"),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                failure.remedy("make the repository's folder writable for your user, then run the same command again")
            }
            _ => failure,
        }
    }

    /// Adds the remedy, keeping one that is already there: the first is the nearest to the cause.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy.get_or_insert_with(|| remedy.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\nremedy: {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_nearest_to_the_cause_is_kept() {
        let failure = Failure::new("it broke").remedy("near").remedy("far");
        assert_eq!(failure.to_string(), "it broke\nremedy: near");
    }

    #[test]
    fn a_full_disk_says_so_and_names_the_file() {
        let error = io::Error::from(io::ErrorKind::StorageFull);
        let failure = Failure::io("cannot write", Path::new("some/file"), &error);
        assert!(failure.what.contains("some/file"));
        assert!(failure.remedy.is_some_and(|remedy| remedy.contains("disk space")));
    }
}
