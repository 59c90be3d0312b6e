//! Changes of uint8 images, `[C, H, W]`, that are the same whoever asks: no randomness here.
//!
//! Each gives what torchvision's operation of the same name gives on a PIL image, to the last bit unless its page says
//! otherwise, so that a configuration published with the one means the same here. Colour is a matter of images of three
//! channels (red, green, blue); on others, operations on colour change nothing.

mod blur;
mod colour;
mod geometry;
mod hue;

use ndarray::ArrayViewMut3;

pub use blur::gaussian_blur;
pub use colour::{brightness, contrast, grey, saturation};
pub use geometry::{Rectangle, centre_crop, flip_horizontally, resize_shorter_side, resized_crop, shift_image};
pub use hue::hue;

/// Runs `work`, compiled for the widest vectors that this processor has. Only what is inlined into it profits.
fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// The nearest integer of a number in `0.0..=255.0`, half to even.
///
/// The sum has no bits left for what comes after the point, and its low bits are the integer. Unlike a cast, which has
/// to look for values out of range, this is done on vectors.
#[inline(always)]
fn nearest(value: f32) -> u8 {
    const UNIT_IN_LAST_PLACE: f32 = (1_u32 << (f32::MANTISSA_DIGITS - 1)) as f32;
    (value + UNIT_IN_LAST_PLACE).to_bits() as u8
}

/// As [`nearest`], for double precision.
#[inline(always)]
fn nearest_f64(value: f64) -> u8 {
    const UNIT_IN_LAST_PLACE: f64 = (1_u64 << (f64::MANTISSA_DIGITS - 1)) as f64;
    (value + UNIT_IN_LAST_PLACE).to_bits() as u8
}

/// Gives `work` the values of an image in row-major order, wherever they lie.
fn in_order(mut image: ArrayViewMut3<'_, u8>, work: impl FnOnce(&mut [u8])) {
    if let Some(values) = image.as_slice_mut() {
        return work(values);
    }
    let mut copy = image.as_standard_layout().into_owned();
    if let Some(values) = copy.as_slice_mut() {
        work(values);
    }
    image.assign(&copy);
}

/// As [`in_order`], as the three planes of an image in colour; does nothing with others.
fn in_planes(image: ArrayViewMut3<'_, u8>, work: impl FnOnce([&mut [u8]; 3])) {
    let (channels, height, width) = image.dim();
    if channels != 3 {
        return;
    }
    in_order(image, |values| {
        let (red, rest) = values.split_at_mut(height * width);
        let (green, blue) = rest.split_at_mut(height * width);
        work([red, green, blue]);
    });
}

/// Replaces every colour by that which `change` makes of it and of `parameter`; `change` is to be marked
/// `#[inline(always)]`.
fn each_pixel<P: Copy>(planes: [&mut [u8]; 3], parameter: P, change: impl Fn([u8; 3], P) -> [u8; 3]) {
    // The parameter is an argument, and not captured, because the compiler would suspect that writing a pixel changes
    // it, and would not use vectors.
    #[inline(always)]
    fn each<P: Copy>([red, green, blue]: [&mut [u8]; 3], parameter: P, change: impl Fn([u8; 3], P) -> [u8; 3]) {
        for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
            [*r, *g, *b] = change([*r, *g, *b], parameter);
        }
    }
    vectorised(
        #[inline(always)]
        || each(planes, parameter, change),
    );
}
