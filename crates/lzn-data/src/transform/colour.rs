//! Brightness, contrast, saturation and grey: blends of an image with a plainer one.

use ndarray::ArrayViewMut3;

use super::{each_pixel, in_order, in_planes, nearest, vectorised};

/// Blends with black: `factor` 0 gives black, 1 the image, more a brighter one.
pub fn brightness(image: ArrayViewMut3<'_, u8>, factor: f64) {
    in_order(image, |values| blend_with_one(values, 0, factor));
}

/// Blends with the one grey that is the image's mean luma, rounded: `factor` 0 gives that grey, 1 the image, more a
/// higher contrast.
///
/// The mean of images that are not in colour is that of their values.
pub fn contrast(mut image: ArrayViewMut3<'_, u8>, factor: f64) {
    let count = image.len() / if image.dim().0 == 3 { 3 } else { 1 };
    if count == 0 {
        return;
    }
    let mut sum = 0;
    if image.dim().0 == 3 {
        in_planes(image.view_mut(), |planes| sum = luma_sum(planes));
    } else {
        sum = image.iter().map(|&value| u64::from(value)).sum();
    }
    let mean = (sum as f64 / count as f64 + 0.5) as u8;
    in_order(image, |values| blend_with_one(values, mean, factor));
}

/// Blends with the image in grey: `factor` 0 gives grey, 1 the image, more stronger colours.
pub fn saturation(image: ArrayViewMut3<'_, u8>, factor: f64) {
    in_planes(image, |planes| {
        each_pixel(
            planes,
            factor as f32,
            #[inline(always)]
            |[r, g, b], factor| {
                let plain = luma(r, g, b);
                [blend(plain, r, factor), blend(plain, g, factor), blend(plain, b, factor)]
            },
        );
    });
}

/// Replaces every colour by its luma, in all three channels.
pub fn grey(image: ArrayViewMut3<'_, u8>) {
    in_planes(image, |planes| {
        each_pixel(
            planes,
            (),
            #[inline(always)]
            |[r, g, b], ()| [luma(r, g, b); 3],
        );
    });
}

/// Luma by ITU-R BT.601, `0.299 red + 0.587 green + 0.114 blue`, in 1/65536 and rounded.
#[inline(always)]
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    ((u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471 + 0x8000) >> 16) as u8
}

fn luma_sum([red, green, blue]: [&mut [u8]; 3]) -> u64 {
    // Sums of one chunk fit into 32 bits, of which a vector holds twice as many as of 64.
    const CHUNK: usize = 1 << 16;
    let sum = |((red, green), blue): ((&[u8], &[u8]), &[u8])| {
        vectorised(
            #[inline(always)]
            || red.iter().zip(green).zip(blue).map(|((&r, &g), &b)| u32::from(luma(r, g, b))).sum::<u32>(),
        )
    };
    red.chunks(CHUNK).zip(green.chunks(CHUNK)).zip(blue.chunks(CHUNK)).map(|chunk| u64::from(sum(chunk))).sum()
}

fn blend_with_one(values: &mut [u8], plain: u8, factor: f64) {
    #[inline(always)]
    fn each(values: &mut [u8], plain: u8, factor: f32) {
        for value in values {
            *value = blend(plain, *value, factor);
        }
    }
    vectorised(
        #[inline(always)]
        || each(values, plain, factor as f32),
    );
}

/// `plain + factor (value - plain)` in single precision, cut to `0..=255` and then towards zero: the rounding of PIL.
#[inline(always)]
fn blend(plain: u8, value: u8, factor: f32) -> u8 {
    let (plain, value) = (f32::from(plain), f32::from(value));
    nearest((plain + factor * (value - plain)).clamp(0.0, 255.0).floor())
}
