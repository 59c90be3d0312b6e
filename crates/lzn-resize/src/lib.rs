//! Resampling and rounding of images, exactly as the programs do whose numbers one wants to compare with.
//!
//! The same samples of the same model have another Fréchet distance for every way of enlarging them to the 299 pixels
//! of Inception. So each way has a name here: [`Resize`] are the ways of resampling, [`Protocol`] what a network of a
//! published number sees, [`Rounding`] how programs turn their floats into bytes. Everything is planar, `[C, H, W]`;
//! images in the order `[H, W, C]` need `permuted_axes([2, 0, 1])` and no copy.
//!
//! ```
//! use lzn_resize::Protocol;
//! use ndarray::Array4;
//!
//! let images = Array4::<u8>::from_elem((2, 1, 28, 28), 128);
//! let inputs = Protocol::TORCH_FIDELITY.apply(images.view())?;
//! assert_eq!(inputs.shape(), [2, 3, 299, 299]);
//! assert!(inputs.iter().all(|x| *x == 0.0));
//! # Ok::<(), lzn_resize::ResizeError>(())
//! ```

mod bilinear;
mod bytes;
mod crop;
mod error;
mod filter;
mod protocol;
mod resize;
mod rounding;
mod taps;
mod tile;

pub use crop::{centre_crop, centre_square};
pub use error::ResizeError;
pub use filter::Filter;
pub use protocol::Protocol;
pub use resize::{Resampler, Resize};
pub use rounding::Rounding;
