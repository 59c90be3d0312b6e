//! Files of `torch.save` (`.pt`, `.pth`) as data: tensors, lists, tables, numbers and words, and nothing that could be run.
//!
//! Such a file is a zip archive (before PyTorch 1.6 a mere sequence) with one pickle, which is a program for a small stack machine,
//! and one entry for the memory of each tensor; a TorchScript module is such an archive as well, and its sources are passed over. Python's own reader lets that program call any function. [`PtFile`] knows the handful of instructions that
//! checkpoints consist of and refuses the rest, and what it accepts is bounded by [`Limits`] in memory, number and depth. Entries
//! must be stored without compression, as `torch.save` does, so that none is larger than the file itself.
//!
//! # Example
//! ```
//! use lzn_pickle::{Dtype, Item, PtFile, write};
//!
//! let path = std::env::temp_dir().join(format!("lzn-pickle-example-{}.pt", std::process::id()));
//! let item = Item::Dict(vec![
//!     (Item::text("step"), Item::Int(7)),
//!     (Item::text("weight"), Item::Tensor { dtype: Dtype::F32, shape: vec![2], index: 0 }),
//! ]);
//! let bytes = [1f32, 2.0].map(f32::to_le_bytes).concat();
//! write(std::fs::File::create(&path)?, "example", &item, |_| Ok(bytes.clone()))?;
//!
//! let file = PtFile::open(&path)?;
//! assert_eq!(file.root().get("step").and_then(|value| value.int()), Some(7));
//! let weight = file.root().get("weight").and_then(|value| value.tensor()).ok_or("no tensor")?;
//! assert_eq!(weight.shape(), [2]);
//! assert_eq!(file.bytes(weight)?, bytes);
//! # std::fs::remove_file(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod dtype;
mod error;
mod file;
mod legacy;
mod limits;
mod machine;
mod node;
mod numpy;
mod opcodes;
mod plain;
mod tensor;
mod value;
mod write;

pub use dtype::Dtype;
pub use error::PtError;
pub use file::PtFile;
pub use limits::Limits;
pub use plain::Plain;
pub use tensor::TensorInfo;
pub use value::Value;
pub use write::{Item, write};
