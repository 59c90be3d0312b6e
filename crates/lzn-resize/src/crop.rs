//! Cutting out the middle.

use ndarray::{ArrayView3, s};

/// The middle of `[C, H, W]`, `[height, width]` pixels or as much as there is, without a copy. Where an odd number of
/// pixels is cut off along an axis, the odd one goes at the end.
pub fn centre_crop<T>(image: ArrayView3<'_, T>, [height, width]: [usize; 2]) -> ArrayView3<'_, T> {
    let (_, from_height, from_width) = image.dim();
    let (height, width) = (height.min(from_height), width.min(from_width));
    let (top, left) = ((from_height - height) / 2, (from_width - width) / 2);
    image.slice_move(s![.., top..top + height, left..left + width])
}

/// The square of the shorter side in the middle of `[C, H, W]`, as [`centre_crop`] cuts it.
pub fn centre_square<T>(image: ArrayView3<'_, T>) -> ArrayView3<'_, T> {
    let side = image.dim().1.min(image.dim().2);
    centre_crop(image, [side, side])
}
