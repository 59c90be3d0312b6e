//! Bilinear interpolation without antialiasing, in float32: two neighbours along each axis.

use ndarray::ArrayView2;

/// Where the pixels of the result lie in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alignment {
    /// Pixel 0 on pixel 0: `x * from / to` (TensorFlow 1, `align_corners=False`).
    Corner,
    /// Areas on areas: `(x + 1/2) * from / to - 1/2`, at least 0 (`torch.nn.functional.interpolate`).
    Area,
}

/// The two neighbours along one axis: the lower, the upper and the share of the upper.
#[derive(Debug, Clone)]
pub(crate) struct Neighbours(Vec<(usize, usize, f32)>);

impl Neighbours {
    pub(crate) fn new(alignment: Alignment, from: usize, to: usize) -> Self {
        let scale = from as f32 / to as f32;
        let place = |pixel: usize| match alignment {
            Alignment::Corner => pixel as f32 * scale,
            Alignment::Area => (scale * (pixel as f32 + 0.5) - 0.5).max(0.0),
        };
        let row = |pixel| {
            let x = place(pixel);
            let lower = (x as usize).min(from - 1);
            (lower, (lower + 1).min(from - 1), x - lower as f32)
        };
        Self((0..to).map(row).collect())
    }

    /// Interpolates a plane in row-major order, along its rows first. `self` are the neighbours of rows.
    pub(crate) fn plane(&self, columns: &Self, plane: ArrayView2<'_, f32>, out: &mut [f32]) {
        let width = plane.ncols();
        let source: Vec<f32> = plane.iter().copied().collect();
        for (&(top, bottom, share), out) in self.0.iter().zip(out.chunks_exact_mut(columns.0.len())) {
            let (top, bottom) = (&source[top * width..][..width], &source[bottom * width..][..width]);
            for (&(left, right, part), out) in columns.0.iter().zip(out) {
                let upper = top[left] + (top[right] - top[left]) * part;
                let lower = bottom[left] + (bottom[right] - bottom[left]) * part;
                *out = upper + (lower - upper) * share;
            }
        }
    }
}
