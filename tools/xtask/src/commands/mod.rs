//! One file per command of `cargo xtask`.

pub(crate) mod ci;
pub(crate) mod doctor;
pub(crate) mod golden;
pub(crate) mod quickstart;
pub(crate) mod setup;
pub(crate) mod soak;
pub(crate) mod test;

use crate::failure::Failure;
use crate::repo::Repo;

/// What every command gets: the repository, and what the user wrote after the command's name.
pub(crate) struct Invocation<'a> {
    pub(crate) repo: &'a Repo,
    pub(crate) arguments: &'a [String],
}

impl Invocation<'_> {
    /// Refuses arguments that the command would otherwise ignore in silence.
    fn expect_none(&self, command: &str) -> Result<(), Failure> {
        match self.arguments.first() {
            Some(unknown) => Err(Failure::new(format!("`cargo xtask {command}` takes no arguments, got `{unknown}`"))),
            None => Ok(()),
        }
    }
}
