//! Features with mean 0 and variance 1.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Subtracts a mean and multiplies by a scale, feature by feature.
///
/// AdamW moves every weight at about the same speed, so features of very different size are learned unevenly; this evens them
/// out. It is fitted on training rows alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardisation {
    /// `[d]`.
    pub mean: Array1<f32>,
    /// `[d]`: one over the standard deviation; 0 for a feature that is constant, which thus says nothing.
    pub scale: Array1<f32>,
}

impl Standardisation {
    /// Fits `rows: [N, d]`, at least one. Sums are in float64.
    pub(super) fn fit(rows: ArrayView2<'_, f32>) -> Self {
        let n = rows.nrows() as f64;
        let mut mean = Array1::<f64>::zeros(rows.ncols());
        rows.outer_iter().for_each(|row| mean.zip_mut_with(&row, |sum, &value| *sum += f64::from(value) / n));
        let mut variance = Array1::<f64>::zeros(rows.ncols());
        for row in rows.outer_iter() {
            ndarray::Zip::from(&mut variance)
                .and(&row)
                .and(&mean)
                .for_each(|sum, &value, mean| *sum += (f64::from(value) - mean).powi(2) / n);
        }
        // A constant feature has no variance but rounding of its mean.
        let constant = |column: usize| rows.index_axis(Axis(1), column).iter().all(|&value| value == rows[[0, column]]);
        let scale = variance.iter().enumerate().map(|(column, variance)| {
            let scale = (1.0 / variance.sqrt()) as f32;
            if scale.is_finite() && !constant(column) { scale } else { 0.0 }
        });
        Self { scale: scale.collect(), mean: mean.mapv(|mean| mean as f32) }
    }

    /// Standardises `rows: [N, d]`.
    pub(super) fn apply(&self, rows: ArrayView2<'_, f32>) -> Array2<f32> {
        (&rows - &self.mean) * &self.scale
    }
}
