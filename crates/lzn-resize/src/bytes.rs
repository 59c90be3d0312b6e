//! Resampling of bytes with fixed-point weights, many pixels at a time.
//!
//! Both passes take sums of neighbouring bytes of many lines at once, with one weight for all of them, which is what vectors do
//! well. Columns of the source lie in memory like that; rows do not, so tiles of a few rows are transposed on their way in and
//! out. The interleaved channels of a decoder come apart on that way, at no cost.

use ndarray::{ArrayView3, Axis, s};

use crate::taps::Taps;
use crate::tile::{self, ROWS};

/// Bits after the point of the weights: 32 bits less 8 for the pixel and 2 for sums of kernels with negative lobes.
pub(crate) const FRACTION_BITS: u32 = 22;

/// What a sum starts from, so that it is rounded when its fraction is cut off.
const HALF: i32 = 1 << (FRACTION_BITS - 1);

/// Columns that the second pass sums together: as many as the registers hold of the narrowest vectors.
const LANES: usize = 32;

/// Resamples `[C, H, W]` along its rows and then along its columns into `out`, `[C, h, w]` in row-major order. Pixels are rounded and
/// clipped after each pass; an axis that keeps its size is not resampled.
///
/// Fast where the channels of a pixel, or the pixels of a row, lie side by side; another layout is copied first.
pub(crate) fn resample(taps: &[Taps<i32>; 2], image: ArrayView3<'_, u8>, out: &mut [u8]) {
    let channels = image.dim().0;
    if let Some(lines) = lines(image) {
        return two_passes(taps, &lines, channels, out);
    }
    let plane = taps[0].to() * taps[1].to();
    for (channel, out) in out.chunks_exact_mut(plane).enumerate() {
        let one = image.slice(s![channel..=channel, .., ..]);
        let copy = one.as_standard_layout();
        if let Some(lines) = lines(copy.view()) {
            two_passes(taps, &lines, 1, out);
        }
    }
}

/// The rows of an image, each with the channels of a pixel side by side; `None` if it does not lie in memory like that.
fn lines(image: ArrayView3<'_, u8>) -> Option<Vec<&[u8]>> {
    let pixels = image.permuted_axes([1, 2, 0]);
    (0..pixels.dim().0).map(|y| pixels.index_axis_move(Axis(0), y).to_slice()).collect()
}

fn two_passes(taps: &[Taps<i32>; 2], lines: &[&[u8]], channels: usize, out: &mut [u8]) {
    pulp::Arch::new().dispatch(TwoPasses { taps, lines, channels, out });
}

/// Work that is compiled for several widths of vectors, of which the widest that the processor has does it. (A closure in its place
/// would be called, and not inlined, and so be compiled for the narrowest.)
struct TwoPasses<'a> {
    taps: &'a [Taps<i32>; 2],
    lines: &'a [&'a [u8]],
    channels: usize,
    out: &'a mut [u8],
}

impl pulp::WithSimd for TwoPasses<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { taps: [rows, columns], lines, channels, out } = self;
        let (height, width) = (lines.len(), columns.to());
        if rows.keeps_size() {
            return along_rows(columns, lines, channels, width, out);
        }
        let stride = width.next_multiple_of(LANES);
        let mut middle = vec![0; channels * height * stride];
        along_rows(columns, lines, channels, stride, &mut middle);
        for (middle, out) in middle.chunks_exact(height * stride).zip(out.chunks_exact_mut(rows.to() * width)) {
            along_columns(rows, middle, stride, out, width);
        }
    }
}

/// Resamples along the rows, into planes of as many rows, `stride` bytes apart.
#[inline(always)]
fn along_rows(columns: &Taps<i32>, lines: &[&[u8]], channels: usize, stride: usize, planes: &mut [u8]) {
    let (height, width) = (lines.len(), columns.to());
    let mut source = tile::empty(lines[0].len());
    let mut sums = tile::empty(width);
    for top in (0..height).step_by(ROWS) {
        let rows = ROWS.min(height - top);
        // Below the image its last row is repeated; nobody looks at that.
        tile::read(std::array::from_fn(|row| lines[(top + row).min(height - 1)]), &mut source);
        for channel in 0..channels {
            let source = &source[channel..];
            if columns.keeps_size() {
                sums.iter_mut().zip(source.iter().step_by(channels)).for_each(|(sum, pixel)| *sum = *pixel);
            } else {
                for (target, (first, weights)) in sums.iter_mut().zip(columns.iter()) {
                    let pixels = source[first * channels..].iter().step_by(channels);
                    *target = weighted(pixels.zip(weights));
                }
            }
            let plane = &mut planes[channel * height * stride..];
            tile::write(&sums, &mut plane[top * stride..], rows, width, stride);
        }
    }
}

/// Resamples a plane, whose rows are padded to `stride` bytes, along its columns.
#[inline(always)]
fn along_columns(rows: &Taps<i32>, plane: &[u8], stride: usize, out: &mut [u8], width: usize) {
    for ((first, weights), out) in rows.iter().zip(out.chunks_exact_mut(width)) {
        for (part, out) in out.chunks_mut(LANES).enumerate() {
            let start = first * stride + part * LANES;
            let lanes = plane[start..].chunks(stride).filter_map(|row| row.first_chunk::<LANES>());
            let sums = weighted(lanes.zip(weights));
            match out.first_chunk_mut() {
                Some(out) => *out = sums,
                None => out.copy_from_slice(&sums[..out.len()]),
            }
        }
    }
}

/// The weighted sums of neighbours, for each of `N` lines.
#[inline(always)]
fn weighted<'a, const N: usize>(neighbours: impl Iterator<Item = (&'a [u8; N], &'a i32)>) -> [u8; N] {
    let mut sums = [HALF; N];
    for (pixels, weight) in neighbours {
        for lane in 0..N {
            sums[lane] += i32::from(pixels[lane]) * weight;
        }
    }
    // Not by `map`, which would not be inlined.
    let mut bytes = [0; N];
    for lane in 0..N {
        bytes[lane] = (sums[lane] >> FRACTION_BITS).clamp(0, 255) as u8;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, ArrayView1};
    use proptest::prelude::*;

    use super::*;
    use crate::Filter;

    /// One line by the definition.
    fn line(taps: &Taps<i32>, pixels: ArrayView1<'_, u8>) -> Vec<u8> {
        if taps.keeps_size() {
            return pixels.to_vec();
        }
        let sum = |(first, weights): (usize, &[i32])| {
            let products =
                weights.iter().enumerate().map(|(k, weight)| i64::from(pixels[first + k]) * i64::from(*weight));
            let unit = f64::from(1 << FRACTION_BITS);
            (products.sum::<i64>() as f64 / unit + 0.5).floor().clamp(0.0, 255.0) as u8
        };
        taps.iter().map(sum).collect()
    }

    /// Each row, then each column.
    fn plainly([rows, columns]: &[Taps<i32>; 2], image: &Array3<u8>) -> Array3<u8> {
        let (channels, height, _) = image.dim();
        let mut middle = Array3::zeros((channels, height, columns.to()));
        for (from, mut to) in image.lanes(Axis(2)).into_iter().zip(middle.lanes_mut(Axis(2))) {
            to.assign(&ArrayView1::from(&line(columns, from)));
        }
        let mut out = Array3::zeros((channels, rows.to(), columns.to()));
        for (from, mut to) in middle.lanes(Axis(1)).into_iter().zip(out.lanes_mut(Axis(1))) {
            to.assign(&ArrayView1::from(&line(rows, from)));
        }
        out
    }

    fn images() -> impl Strategy<Value = Array3<u8>> {
        (1..5_usize, 1..40_usize, 1..40_usize).prop_flat_map(|(channels, height, width)| {
            prop::collection::vec(any::<u8>(), channels * height * width)
                .prop_map(move |bytes| Array3::from_shape_vec((channels, height, width), bytes).expect("as many"))
        })
    }

    proptest! {
        #[test]
        fn every_byte_is_the_sum_of_its_definition_however_an_image_lies_in_memory(
            image in images(),
            // Some keep their size.
            to in prop::option::of((1..80_usize, 1..80_usize)),
            filter in prop::sample::select(&[Filter::Box, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos][..]),
            wider in 1..80_usize,
        ) {
            let (channels, height, width) = image.dim();
            let sizes = to.map_or(vec![(height, width), (height, wider), (wider, width)], |to| vec![to]);
            // Channels together, and an order that is no one's.
            let [pixels, odd] = [[1, 2, 0], [2, 1, 0]].map(|order| image.view().permuted_axes(order).as_standard_layout().into_owned());
            let views = [image.view(), pixels.view().permuted_axes([2, 0, 1]), odd.view().permuted_axes([2, 1, 0])];
            for (h, w) in sizes {
                let taps = [(height, h), (width, w)].map(|(from, to)| Taps::new(filter, from, to).fixed());
                let expected = plainly(&taps, &image);
                for view in views {
                    let mut out = Array3::zeros((channels, h, w));
                    resample(&taps, view, out.as_slice_mut().expect("new arrays are contiguous"));
                    prop_assert_eq!(&out, &expected, "{:?}", view.strides());
                }
            }
        }
    }
}
