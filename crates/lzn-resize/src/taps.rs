//! Which source pixels make a pixel of the result, and with what weights: one table for each axis, and two passes with
//! them.

use ndarray::ArrayView2;

use crate::Filter;

/// The weights along one axis.
#[derive(Debug, Clone)]
pub(crate) struct Taps<W> {
    /// For each pixel of the result: first source pixel, first weight, number of weights.
    rows: Vec<(usize, usize, usize)>,
    weights: Vec<W>,
    /// Pixels of the source. An axis that keeps its size is not resampled at all.
    from: usize,
}

impl Taps<f64> {
    /// The table of a kernel. Weights that would fall outside of the image are dropped and the others normalised.
    pub(crate) fn new(filter: Filter, from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let mut taps = Self { rows: Vec::with_capacity(to), weights: Vec::new(), from };
        for pixel in 0..to {
            let centre = (pixel as f64 + 0.5) * scale;
            // Casts from negative numbers saturate at 0, which is the border of the image.
            let first = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let start = taps.weights.len();
            taps.weights.extend((first..end).map(|x| filter.at((x as f64 - centre + 0.5) / stretch)));
            let row = &mut taps.weights[start..];
            let sum: f64 = row.iter().sum();
            if sum != 0.0 {
                row.iter_mut().for_each(|weight| *weight /= sum);
            }
            taps.rows.push((first, start, end - first));
        }
        taps
    }

    /// The same weights as integers.
    pub(crate) fn fixed(self) -> Taps<i32> {
        let weights =
            self.weights.iter().map(|weight| (weight * f64::from(1 << FRACTION_BITS)).round() as i32).collect();
        Taps { rows: self.rows, weights, from: self.from }
    }
}

impl<W> Taps<W> {
    fn to(&self) -> usize {
        self.rows.len()
    }

    /// For each pixel of the result, the first source pixel and the weights from there on.
    fn iter(&self) -> impl Iterator<Item = (usize, &[W])> {
        self.rows.iter().map(|&(first, start, len)| (first, &self.weights[start..start + len]))
    }
}

/// How pixels and weights are multiplied and summed.
pub(crate) trait Arithmetic {
    /// A pixel.
    type Pixel: Copy;
    /// A weight.
    type Weight: Copy;
    /// A sum of products.
    type Sum: Copy;
    /// What a sum starts from.
    const START: Self::Sum;
    /// Adds a product.
    fn add(sum: Self::Sum, pixel: Self::Pixel, weight: Self::Weight) -> Self::Sum;
    /// The pixel that a sum makes.
    fn pixel(sum: Self::Sum) -> Self::Pixel;
}

/// Bits after the point of weights for bytes: 32 bits less 8 for the pixel and 2 for sums of kernels with negative
/// lobes.
const FRACTION_BITS: u32 = 22;

/// Bytes and fixed-point weights.
pub(crate) struct Bytes;

impl Arithmetic for Bytes {
    type Pixel = u8;
    type Weight = i32;
    type Sum = i32;
    const START: i32 = 1 << (FRACTION_BITS - 1);

    fn add(sum: i32, pixel: u8, weight: i32) -> i32 {
        sum + i32::from(pixel) * weight
    }

    fn pixel(sum: i32) -> u8 {
        (sum >> FRACTION_BITS).clamp(0, 255) as u8
    }
}

/// Floats, summed in double precision.
pub(crate) struct Floats;

impl Arithmetic for Floats {
    type Pixel = f32;
    type Weight = f64;
    type Sum = f64;
    const START: f64 = 0.0;

    fn add(sum: f64, pixel: f32, weight: f64) -> f64 {
        sum + f64::from(pixel) * weight
    }

    fn pixel(sum: f64) -> f32 {
        sum as f32
    }
}

/// Resamples a plane along its rows and then along its columns, in row-major order; pixels are rounded after each pass.
pub(crate) fn two_passes<A: Arithmetic>(
    [rows, columns]: &[Taps<A::Weight>; 2],
    plane: ArrayView2<'_, A::Pixel>,
    out: &mut [A::Pixel],
) {
    let width = columns.to();
    let mut middle = Vec::with_capacity(rows.from * width);
    for row in plane.rows() {
        let row = row.to_vec();
        if columns.from == width {
            middle.extend(row);
        } else {
            middle.extend(columns.iter().map(|(first, weights)| {
                let pairs = row[first..].iter().zip(weights);
                A::pixel(pairs.fold(A::START, |sum, (pixel, weight)| A::add(sum, *pixel, *weight)))
            }));
        }
    }
    if rows.from == rows.to() {
        return out.copy_from_slice(&middle);
    }
    let mut sums = vec![A::START; width];
    for ((first, weights), out) in rows.iter().zip(out.chunks_exact_mut(width)) {
        sums.fill(A::START);
        for (row, weight) in middle[first * width..].chunks_exact(width).zip(weights) {
            sums.iter_mut().zip(row).for_each(|(sum, pixel)| *sum = A::add(*sum, *pixel, *weight));
        }
        out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = A::pixel(*sum));
    }
}
