//! From float images to bytes.

use tch::{Kind, Tensor};

/// Bytes of images in `[-1, 1]`: `(x + 1) / 2 * 255`, clipped to `[0, 255]` and rounded, halves to the even neighbour.
///
/// # Example
/// ```
/// let bytes = lzn_flow::to_uint8(&tch::Tensor::from_slice(&[-1.5f32, -1.0, 0.0, 1.0, 2.0]));
/// assert_eq!(bytes, tch::Tensor::from_slice(&[0u8, 0, 128, 255, 255]));
/// ```
pub fn to_uint8(images: &Tensor) -> Tensor {
    ((images + 1.0) / 2.0 * 255.0).clamp(0.0, 255.0).round().to_kind(Kind::Uint8)
}
