//! Data types, tasks, objectives, and the one training loop of Latent Zoning Networks.

pub mod comparison;
pub mod config;
pub mod data;
mod error;
pub mod evaluate;
pub mod hub;
pub mod model;
pub mod objective;
pub mod pictures;
pub mod published;
pub mod run;
pub mod status;
pub mod task;
pub mod train;
pub mod types;
mod wiring;

pub use error::{ConfigError, TaskError};
pub use model::{IMAGE, LABEL, Lzn, TEXT, Weights};
pub use types::PartName;
