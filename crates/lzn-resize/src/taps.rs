//! Which source pixels make a pixel of the result, and with what weights: one table for each axis, and two passes over floats
//! with them. Those over bytes are in [`bytes`](crate::bytes).

use ndarray::ArrayView2;

use crate::Filter;
use crate::bytes::FRACTION_BITS;

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
    /// Pixels of the result.
    pub(crate) fn to(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is nothing to do.
    pub(crate) fn keeps_size(&self) -> bool {
        self.from == self.to()
    }

    /// For each pixel of the result, the first source pixel and the weights from there on.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[W])> {
        self.rows.iter().map(|&(first, start, len)| (first, &self.weights[start..start + len]))
    }
}

/// Resamples a plane along its rows and then along its columns, in row-major order; sums are taken in double precision and kept in
/// single.
pub(crate) fn two_passes([rows, columns]: &[Taps<f64>; 2], plane: ArrayView2<'_, f32>, out: &mut [f32]) {
    let width = columns.to();
    let mut middle = Vec::with_capacity(rows.from * width);
    for row in plane.rows() {
        let row = row.to_vec();
        if columns.keeps_size() {
            middle.extend(row);
        } else {
            middle.extend(columns.iter().map(|(first, weights)| {
                let pairs = row[first..].iter().zip(weights);
                pairs.fold(0.0, |sum, (pixel, weight)| sum + f64::from(*pixel) * weight) as f32
            }));
        }
    }
    if rows.keeps_size() {
        return out.copy_from_slice(&middle);
    }
    let mut sums = vec![0.0; width];
    for ((first, weights), out) in rows.iter().zip(out.chunks_exact_mut(width)) {
        sums.fill(0.0);
        for (row, weight) in middle[first * width..].chunks_exact(width).zip(weights) {
            sums.iter_mut().zip(row).for_each(|(sum, pixel)| *sum += f64::from(*pixel) * weight);
        }
        out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = *sum as f32);
    }
}
