//! How far reconstructed images are from the originals, one number per image and their mean.
//!
//! [`PixelError`] is the paper's reconstruction error (an L2 norm) with MSE and PSNR; [`Ssim`] compares structure instead of
//! pixels. Both average over images, so every image counts the same whatever its content.

mod pixels;
mod ssim;

use ndarray::ArrayView4;

pub use pixels::{PixelError, PixelErrors};
pub use ssim::Ssim;

use crate::EvalError;

/// Originals and their reconstructions, `[B, C, H, W]` each.
#[derive(Debug, Clone, Copy)]
pub enum ImagePairs<'a> {
    /// Images as in files, 0 to 255.
    Bytes {
        /// What was given.
        originals: ArrayView4<'a, u8>,
        /// What came back.
        reconstructions: ArrayView4<'a, u8>,
    },
    /// Images as in networks: originals in [-1, 1], reconstructions as the network gives them, not clipped and not rounded.
    Floats {
        /// What was given.
        originals: ArrayView4<'a, f32>,
        /// What came back.
        reconstructions: ArrayView4<'a, f32>,
    },
}

/// Checks that two batches have one shape, with at least one value per image.
fn check_shapes(operation: &'static str, originals: &[usize], reconstructions: &[usize]) -> Result<(), EvalError> {
    if originals != reconstructions {
        let (argument, expected, got) = ("reconstructions", format!("{originals:?}"), format!("{reconstructions:?}"));
        return Err(EvalError::Shape { operation, argument, expected, got });
    }
    if originals[1..].contains(&0) {
        let (argument, expected) = ("originals", "[B, C, H, W] with C, H and W at least 1".to_owned());
        return Err(EvalError::Shape { operation, argument, expected, got: format!("{originals:?}") });
    }
    Ok(())
}
