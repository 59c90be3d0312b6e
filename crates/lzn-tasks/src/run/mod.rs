//! A run and its folder: configuration, lock, records, checkpoints, signals and progress.
//!
//! ```text
//! RUN/
//!   config.toml            the resolved configuration, written before everything else
//!   metrics.jsonl          one line per record; the source that the next file is made from
//!   metrics.csv            the same numbers as a table
//!   tensorboard/           events for TensorBoard
//!   samples/               pictures
//!   checkpoints/000001000/ a whole checkpoint, or nothing: see `checkpoint`
//!   .worker-0.json         what worker 0 is doing, every second, and so on: see `heartbeat`
//!   .lock                  held by the process that writes to the folder
//! ```
//!
//! Nothing here knows networks, tensors or objectives: checkpoints are files that the caller writes, records are named
//! numbers.

pub mod checkpoint;
pub mod error;
pub mod folder;
pub mod heartbeat;
pub mod journal;
mod manifest;
pub mod progress;
pub mod records;
pub mod saver;
pub mod signals;
mod trouble;

pub use checkpoint::{CheckpointFile, Checkpoints, Found};
pub use error::RunError;
pub use folder::{RunFolder, digest};
pub use journal::Journal;
pub use progress::Progress;
pub use records::Recorder;
pub use saver::Saver;
pub use signals::StopFlag;
