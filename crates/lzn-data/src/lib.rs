//! Data sets, transforms and seeded, resumable, prefetched batches. Nothing here knows of networks or libtorch.
//!
//! ```text
//! Dataset (ArrayDataset, ImageFolder, ImageTexts, Subset ...)        read(index) -> Sample, uint8 [C, H, W], label, text
//!    |        BatchPlan                            step -> indices: a function of seed, step, batch size and length
//!    v          v
//! Batches (worker threads, Augment)                step, step + 1, ... -> Batch, uint8 [B, C, H, W]
//! ```
//!
//! # Two views
//! Representations are learned from two views of every image ([`AugmentConfig::VIEWS`]; [`BatchOptions::second_view`]).
//! [`Augment::draw`] says what is done to make one, as a value: it depends on seed, epoch, sample and the number of the
//! view alone. The operations are in [`transform`]; a crop sees the whole image ([`Dataset::read_whole`]), whatever shape
//! the data set brings it to for evaluation.
//!
//! # Conventions
//! Images are uint8 in `0..=255`, channels first; labels are int64 in `0..classes`; the class names of a data set
//! without labels are empty. Samples of some data sets have texts ([`Dataset::text`]). A step is the global number of a batch, from 0, counted through all epochs. No result
//! depends on the number of worker threads.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//! use lzn_data::{Augment, AugmentConfig, BatchOptions, BatchPlan, Batches, Dataset, Split, fashion_mnist};
//!
//! let data: Arc<dyn Dataset> = Arc::new(fashion_mnist::embedded(Split::Test)?);
//! let seed = 1;
//! let plan = BatchPlan::training(data.len(), 64, seed)?;
//! let augment = Augment::new(AugmentConfig::default(), seed, data.image_shape())?;
//! let options = BatchOptions { augment: Some(augment), ..BatchOptions::default() };
//! let mut batches = Batches::new(data, plan, options, 1000)?; // goes on where a run stopped after 1,000 steps
//! let batch = batches.next().expect("training has no end")?;
//! assert_eq!((batch.step, batch.epoch, batch.images.dim()), (1000, 6, (64, 1, 28, 28)));
//! # Ok::<(), lzn_data::DataError>(())
//! ```

mod array_dataset;
mod augment;
mod batches;
pub mod cifar10;
mod class_texts;
mod dataset;
mod decode;
mod encoded;
mod error;
pub mod fashion_mnist;
mod files;
pub mod idx;
mod image_folder;
pub mod image_text;
pub mod imagenet;
mod kind;
#[cfg(feature = "lmdb")]
pub mod lmdb;
mod packed;
mod plan;
mod skip_bad;
mod subset;
mod summary;
mod survey;
mod tar;
pub mod transform;
mod values;
pub mod webdataset;
mod workers;

pub use array_dataset::ArrayDataset;
pub use augment::{Augment, AugmentConfig, BlurConfig, Changes, ColourChange, CropConfig, JitterConfig, Padding};
pub use batches::{Batch, BatchOptions, Batches};
pub use class_texts::ClassTexts;
pub use dataset::{Dataset, ImageShape, Sample, Split};
pub use decode::{Colour, ImageConfig, Look, read_image};
pub use encoded::{EncodedImages, Store};
pub use error::DataError;
pub use files::{image_files, read_pixels};
pub use image_folder::{Files, ImageFolder};
pub use image_text::{ImageTexts, Pairs, TableConfig};
pub use kind::{Kind, detect};
pub use packed::{PackOptions, PackReport, PackedImages, PackedInfo, pack};
pub use plan::{BatchPlan, Position};
pub use skip_bad::SkipBad;
pub use subset::Subset;
pub use summary::{DataSummary, TextSummary};
pub use survey::Survey;
pub use tar::Members;
pub use transform::{flip_horizontally, shift_image};
pub use values::to_float;
