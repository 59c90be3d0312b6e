//! Checks the workspace against numbers of the published Python reference.
//!
//! A folder of golden numbers has one sub-folder per family, and in it one pair of files per case: `NAME.json` says what was
//! computed, `NAME.safetensors` (or `NAME.npz`) holds inputs and outputs. Everything is read from the files: sizes, solver, options. So new
//! cases need no new code, and new families one file under `families/`.

pub mod case;
pub mod check;
pub mod families;
mod npz;
pub mod run;

pub use case::Case;
pub use check::{Checks, Line, Tolerance};
pub use families::{Family, families};
pub use run::{Report, default_folder, repository_folder, run};
