//! Distances, and bounds of them that float32 can give.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Largest relative error of one rounding to float32.
const UNIT: f64 = f32::EPSILON as f64 / 2.0;
/// Roundings beside those of the product: of centred or normalised rows, of their squares, of the sum of the parts.
const OTHER_ROUNDINGS: usize = 24;

/// What "near" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// `|u - v|`.
    Euclidean,
    /// `1 - u·v / (|u| |v|)`, in [0, 2]. A row of zeros has the distance 1 from everything.
    Cosine,
}

/// Rows as the products need them: centred, or of length 1.
///
/// For any two rows, `base_u + base_v - factor · product` is at most their key (see [`Measure::key`]).
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// In standard layout.
    pub(super) rows: Array2<f32>,
    pub(super) base: Vec<f32>,
}

impl Measure {
    /// What stands for the distance in comparisons: the square of the Euclidean one, the cosine one itself.
    pub(super) fn key(self, u: &[f32], v: &[f32]) -> f64 {
        let dot = |u: &[f32], v: &[f32]| sum(u, v, |a, b| a * b);
        match self {
            Self::Euclidean => sum(u, v, |a, b| (a - b) * (a - b)),
            Self::Cosine => {
                let lengths = dot(u, u).sqrt() * dot(v, v).sqrt();
                if lengths > 0.0 { 1.0 - dot(u, v) / lengths } else { 1.0 }
            }
        }
    }

    /// The distance that belongs to a key.
    pub(super) fn distance(self, key: f64) -> f64 {
        match self {
            Self::Euclidean => key.sqrt(),
            Self::Cosine => key.clamp(0.0, 2.0),
        }
    }

    /// What a product counts in the bound.
    pub(super) fn factor(self) -> f32 {
        match self {
            Self::Euclidean => 2.0,
            Self::Cosine => 1.0,
        }
    }

    /// What to subtract from rows: distances do not notice, and bounds become closer.
    pub(super) fn centre(self, rows: ArrayView2<'_, f32>) -> Vec<f32> {
        match self {
            Self::Euclidean => {
                let mut sum = Array1::<f64>::zeros(rows.ncols());
                rows.outer_iter().for_each(|row| sum.zip_mut_with(&row, |sum, &value| *sum += f64::from(value)));
                sum.iter().map(|sum| (sum / rows.nrows() as f64) as f32).collect()
            }
            Self::Cosine => vec![0.0; rows.ncols()],
        }
    }
}

impl Side {
    pub(super) fn new(rows: ArrayView2<'_, f32>, measure: Measure, centre: &[f32]) -> Self {
        let mut prepared = rows.as_standard_layout().into_owned();
        let base = prepared.axis_iter_mut(Axis(0)).map(|mut row| {
            row.iter_mut().zip(centre).for_each(|(value, centre)| *value -= centre);
            let square: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
            let part = match measure {
                Measure::Euclidean => square,
                Measure::Cosine => {
                    if square > 0.0 {
                        let scale = 1.0 / square.sqrt();
                        row.mapv_inplace(|value| (f64::from(value) * scale) as f32);
                    }
                    0.5
                }
            };
            let bound = ((1.0 - slack(rows.ncols())) * part) as f32;
            // Beyond float32 nothing can be excluded.
            if bound.is_finite() { bound } else { f32::NEG_INFINITY }
        });
        Self { base: base.collect(), rows: prepared }
    }
}

/// Sums `term` over two rows in float64, in an order that vector instructions can follow.
fn sum(u: &[f32], v: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    const LANES: usize = 8;
    let (left, right) = (u.chunks_exact(LANES), v.chunks_exact(LANES));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(&a, &b)| term(a.into(), b.into())).sum();
    let mut sums = [0.0; LANES];
    for (u, v) in left.zip(right) {
        for (sum, (&a, &b)) in sums.iter_mut().zip(u.iter().zip(v)) {
            *sum += term(a.into(), b.into());
        }
    }
    rest + sums.iter().sum::<f64>()
}

/// By how much rounding can change a key, relative to the sum of the parts.
///
/// A product of `d` terms in any order errs by at most `d u / (1 - d u)` of `|u| |v| <= (|u|^2 + |v|^2) / 2`.
fn slack(d: usize) -> f64 {
    let roundings = (d + OTHER_ROUNDINGS) as f64 * UNIT;
    roundings / (1.0 - roundings).max(0.1)
}
