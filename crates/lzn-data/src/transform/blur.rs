//! Gaussian blur.

use ndarray::ArrayViewMut3;

use super::{in_order, nearest, vectorised};

/// Values that are worked on together: as many as the registers of wide vectors hold with room to spare.
const LANES: usize = 32;

/// A weight below which a tap is left out: it could not change a sum in single precision.
const NOTHING: f64 = 1e-9;

/// Convolves each channel with a Gaussian of standard deviation `sigma` pixels, cut off at `kernel / 2` pixels from its
/// middle.
///
/// Beyond its border the image goes on mirrored, without repeating the border pixels. Sums are taken in single
/// precision, rows after columns, and rounded half to even; torchvision adds the same terms in another order, which
/// shows in a value that lies half-way between two bytes. Does nothing when `sigma` is not positive, when `kernel` is
/// below 3, or when the image is not larger than `kernel / 2` in both directions, where there is nothing to mirror.
pub fn gaussian_blur(image: ArrayViewMut3<'_, u8>, kernel: usize, sigma: f64) {
    let (_, height, width) = image.dim();
    let radius = kernel / 2;
    if radius == 0 || radius >= height.min(width) || sigma.is_nan() || sigma <= 0.0 {
        return;
    }
    let weights = half_kernel(radius, sigma);
    if weights.len() == 1 {
        return;
    }
    in_order(image, |values| {
        let mut buffers = Buffers::new(height, width, weights.len() - 1);
        for plane in values.chunks_exact_mut(height * width) {
            vectorised(
                #[inline(always)]
                || buffers.blur(plane, width, &weights),
            );
        }
    });
}

/// Weights of the middle tap and of those at distance 1, 2, ... on either side, as far as they matter.
fn half_kernel(radius: usize, sigma: f64) -> Vec<f32> {
    let raw: Vec<f64> = (0..=radius).map(|distance| (-0.5 * (distance as f64 / sigma).powi(2)).exp()).collect();
    let sum = raw[0] + 2.0 * raw[1..].iter().sum::<f64>();
    raw.iter().map(|weight| weight / sum).take_while(|weight| *weight > NOTHING).map(|weight| weight as f32).collect()
}

/// What blurring a plane needs, used again for the next.
struct Buffers {
    reach: usize,
    /// The plane before it is blurred, rows padded to whole [`LANES`].
    source: Vec<f32>,
    /// One row after blurring its columns, with `reach` mirrored values on either side.
    row: Vec<f32>,
    stride: usize,
}

impl Buffers {
    fn new(height: usize, width: usize, reach: usize) -> Self {
        let stride = width.next_multiple_of(LANES);
        Self { reach, source: vec![0.0; height * stride], row: vec![0.0; stride + 2 * reach], stride }
    }

    #[inline(always)]
    fn blur(&mut self, plane: &mut [u8], width: usize, weights: &[f32]) {
        let (stride, reach) = (self.stride, self.reach);
        let height = plane.len() / width;
        for (row, values) in self.source.chunks_exact_mut(stride).zip(plane.chunks_exact(width)) {
            for (wide, &value) in row.iter_mut().zip(values) {
                *wide = f32::from(value);
            }
        }
        for (y, target) in plane.chunks_exact_mut(width).enumerate() {
            let row_of = |y: usize| &self.source[y * stride..(y + 1) * stride];
            for start in (0..stride).step_by(LANES) {
                let pair = |distance: usize| {
                    let above = row_of(y.abs_diff(distance));
                    let below = row_of(mirrored(y + distance, height));
                    (lanes(above, start), lanes(below, start))
                };
                let sums = weighted(lanes(row_of(y), start), weights, pair);
                self.row[reach + start..][..LANES].copy_from_slice(&sums);
            }
            for distance in 1..=reach {
                self.row[reach - distance] = self.row[reach + distance];
                self.row[reach + width - 1 + distance] = self.row[reach + width - 1 - distance];
            }
            for (start, target) in (0..stride).step_by(LANES).zip(target.chunks_mut(LANES)) {
                let middle = reach + start;
                let pair = |distance: usize| (lanes(&self.row, middle - distance), lanes(&self.row, middle + distance));
                let sums = weighted(lanes(&self.row, middle), weights, pair);
                for (value, sum) in target.iter_mut().zip(sums) {
                    *value = nearest(sum);
                }
            }
        }
    }
}

/// The weighted sum of a middle and of pairs at equal distance from it.
#[inline(always)]
fn weighted<'a>(
    middle: &[f32; LANES],
    weights: &[f32],
    pair: impl Fn(usize) -> (&'a [f32; LANES], &'a [f32; LANES]),
) -> [f32; LANES] {
    let mut sums = middle.map(|value| value * weights[0]);
    for (distance, weight) in weights.iter().enumerate().skip(1) {
        let (one, other) = pair(distance);
        for lane in 0..LANES {
            sums[lane] += weight * (one[lane] + other[lane]);
        }
    }
    sums
}

/// Neighbouring values from `start` on; zeros past the end, where nobody looks.
#[inline(always)]
fn lanes(values: &[f32], start: usize) -> &[f32; LANES] {
    values[start..].first_chunk().unwrap_or(&[0.0; LANES])
}

/// The position inside `0..length` that `position` mirrors at the upper border.
#[inline(always)]
fn mirrored(position: usize, length: usize) -> usize {
    if position < length { position } else { 2 * (length - 1) - position }
}
