//! Arrays in the files of NumPy, `.npy` (one array) and `.npz` (several, by name): images, features, labels.
//!
//! What is written grows beside its place and is renamed when it is whole, so that a file is there completely or not at
//! all. What is read is checked before it is used; errors are [`ArrayError`]s, which name the file and the array.

mod claim;
mod error;
mod features;
mod images;
mod kind;
mod source;

pub use error::ArrayError;
pub use features::{export, read_features, write_features, write_labels};
pub use images::{Layout, read_images};
pub use kind::{Kind, kind};
pub(crate) use source::Arrays;
