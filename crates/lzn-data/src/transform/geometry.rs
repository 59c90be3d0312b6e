//! Cutting, resizing, mirroring and moving.

use lzn_resize::{Filter, Resampler, Resize, ResizeError};
use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis, s};

use crate::Padding;

/// A part of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    /// Rows above it.
    pub top: usize,
    /// Columns to the left of it.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// The part of an image, `[C, H, W]`, or as much of it as lies inside, resampled to `size`, height and width, as
/// [`PillowBytes`](Resize::PillowBytes) with a bilinear kernel: torchvision's `resized_crop`. What surrounds the part
/// has no influence.
///
/// # Errors
/// [`ResizeError::Empty`] when nothing of the part lies inside, or a side of `size` is 0.
pub fn resized_crop(image: ArrayView3<'_, u8>, part: Rectangle, size: [usize; 2]) -> Result<Array3<u8>, ResizeError> {
    let (_, height, width) = image.dim();
    let cut = |from: usize, length: usize, whole: usize| from.min(whole)..from.saturating_add(length).min(whole);
    let (rows, columns) = (cut(part.top, part.height, height), cut(part.left, part.width, width));
    let from = [rows.len(), columns.len()];
    Resampler::new(Resize::PillowBytes(Filter::Bilinear), from, size)?.bytes(image.slice(s![.., rows, columns]))
}

/// An image, `[C, H, W]`, resampled so that its shorter side has `side` pixels and the longer one as many as keep the
/// ratio, rounded down: torchvision's `Resize(side)`.
///
/// # Errors
/// [`ResizeError::Empty`] when a side is 0.
pub fn resize_shorter_side(image: ArrayView3<'_, u8>, side: usize) -> Result<Array3<u8>, ResizeError> {
    let (_, height, width) = image.dim();
    let scaled = |length: usize| length * side / height.min(width).max(1);
    let whole = Rectangle { top: 0, left: 0, height, width };
    resized_crop(image, whole, [scaled(height), scaled(width)])
}

/// The middle of an image, `[C, H, W]`: `size`, height and width, or as much as there is: torchvision's `CenterCrop`.
/// Where an odd number of pixels is cut off, the number before the middle is the even one of the two nearest.
pub fn centre_crop(image: ArrayView3<'_, u8>, size: [usize; 2]) -> ArrayView3<'_, u8> {
    let (_, height, width) = image.dim();
    let middle = |length: usize, whole: usize| {
        let rest = whole.saturating_sub(length);
        let start = (rest as f64 / 2.0).round_ties_even() as usize;
        start..start + length.min(whole)
    };
    image.slice_move(s![.., middle(size[0], height), middle(size[1], width)])
}

/// Mirrors an image, `[C, H, W]`, left and right in place.
pub fn flip_horizontally(mut image: ArrayViewMut3<'_, u8>) {
    for mut row in image.lanes_mut(Axis(2)) {
        if let Some(row) = row.as_slice_mut() {
            row.reverse();
            continue;
        }
        let width = row.len();
        for column in 0..width / 2 {
            row.swap(column, width - 1 - column);
        }
    }
}

/// The image, `[C, H, W]`, moved `down` and to the `right` by so many pixels; negative numbers move up and to the left.
///
/// ```text
/// moved[c, y, x] = image[c, y - down, x - right]     inside the image, `padding` outside
/// ```
pub fn shift_image(image: ArrayView3<'_, u8>, down: isize, right: isize, padding: Padding) -> Array3<u8> {
    let source = |position: usize, offset: isize, length: usize| {
        let wanted = position as isize - offset;
        let nearest = wanted.clamp(0, length as isize - 1);
        (nearest as usize, wanted == nearest)
    };
    let (_, height, width) = image.dim();
    Array3::from_shape_fn(image.dim(), |(channel, y, x)| {
        let ((y, y_inside), (x, x_inside)) = (source(y, down, height), source(x, right, width));
        if padding == Padding::Edge || (y_inside && x_inside) { image[[channel, y, x]] } else { 0 }
    })
}
