//! The readers, one file for each kind.

mod cifar;
mod config;
mod idx;
mod numpy;
mod packed;
mod tar;
mod torch;

use crate::Target;

/// All readers.
pub const ALL: &[Target] =
    &[torch::TARGET, numpy::TARGET, idx::TARGET, cifar::TARGET, tar::TARGET, packed::TARGET, config::TARGET];

/// The answer of a reader in words.
fn answer<T, E: std::fmt::Display>(outcome: Result<T, E>, read: impl FnOnce(T) -> String) -> String {
    match outcome {
        Ok(value) => format!("read {}", read(value)),
        Err(error) => format!("refused: {error}"),
    }
}
