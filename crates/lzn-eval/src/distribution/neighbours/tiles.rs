//! Squared distances, a tile at a time, in single precision with a bound on their error; and exactly.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{ArrayView2, Axis, CowArray, Ix2, s};

use super::OPERATION;
use crate::EvalError;

/// Rows of a tile: 8 MB at 2,048 numbers in a row, and 4 MB of distances.
pub(super) const TILE: usize = 1024;

/// Half of the distance from 1 to the next number in single precision.
const ROUNDING: f32 = f32::EPSILON / 2.0;

/// Numbers whose squares would add up to more than this are refused: single precision ends not far above.
const LARGEST: f64 = f32::MAX as f64 / 16.0;

/// Both sets about one centre, which changes no distance and makes rounding relative to the spread instead of the mean.
pub(super) struct Sets<'a> {
    pub(super) real: Set<'a>,
    pub(super) generated: Set<'a>,
    pub(super) space: Space,
}

/// What distances have in common.
pub(super) struct Space {
    centre: Vec<f32>,
    /// The error of a squared distance, relative to the sum of the squared lengths of the two rows about the centre.
    error: f32,
}

/// The rows of a set, with their squared lengths about the centre.
pub(super) struct Set<'a> {
    rows: CowArray<'a, f32, Ix2>,
    squares: Vec<f32>,
}

/// Squared distances between two tiles, not yet added up.
pub(super) struct Distances {
    /// `-2 u . v`, row-major.
    products: Vec<f32>,
    columns: usize,
}

impl<'a> Sets<'a> {
    pub(super) fn new(real: ArrayView2<'a, f32>, generated: ArrayView2<'a, f32>) -> Result<Self, EvalError> {
        let space = Space::about(real);
        Ok(Self { real: Set::new(real, &space)?, generated: Set::new(generated, &space)?, space })
    }
}

impl Space {
    /// About the mean of a set.
    pub(super) fn about(rows: ArrayView2<'_, f32>) -> Self {
        let mut sums = vec![0.0_f64; rows.ncols()];
        for row in rows.rows() {
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let centre = sums.iter().map(|sum| (sum / rows.nrows() as f64) as f32).collect();
        // Rounding of an inner product of d terms in any order: d units of |u| |v|, which is at most half of the sum of squares,
        // and it counts twice. 16 more are for moving to the centre, for the squared lengths, for adding up and comparing.
        Self { centre, error: (rows.ncols() as f32 + 16.0) * ROUNDING }
    }

    /// Bound on the error of a squared distance between rows whose squared lengths add up to `squares`.
    pub(super) fn error(&self, squares: f32) -> f32 {
        // What underflows is below the smallest normal number.
        self.error * squares + f32::MIN_POSITIVE
    }

    /// Tiles `left` and `right`: row numbers from which they start.
    pub(super) fn distances(&self, (a, left): (&Set<'_>, usize), (b, right): (&Set<'_>, usize)) -> Distances {
        let dimension = self.centre.len();
        let (left, right) = (a.tile(left, &self.centre), b.tile(right, &self.centre));
        let (rows, columns) = (left.len() / dimension, right.len() / dimension);
        let mut products = vec![0.0; rows * columns];
        let out = MatMut::from_row_major_slice_mut(&mut products, rows, columns);
        let left = MatRef::from_row_major_slice(&left, rows, dimension);
        let right = MatRef::from_row_major_slice(&right, columns, dimension);
        matmul(out, Accum::Replace, left, right.transpose(), -2.0, Par::Seq);
        Distances { products, columns }
    }
}

impl Distances {
    /// One row per row of the left tile; to be added to the two squared lengths.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.products.chunks_exact(self.columns)
    }
}

impl<'a> Set<'a> {
    pub(super) fn new(rows: ArrayView2<'a, f32>, space: &Space) -> Result<Self, EvalError> {
        let rows: CowArray<'_, f32, Ix2> =
            if rows.is_standard_layout() { rows.into() } else { rows.as_standard_layout().into_owned().into() };
        let square = |row: ndarray::ArrayView1<'_, f32>| -> f64 {
            row.iter().zip(&space.centre).map(|(x, c)| f64::from(x - c).powi(2)).sum()
        };
        let squares: Vec<f64> = rows.rows().into_iter().map(square).collect();
        if let Some((row, square)) = squares.iter().enumerate().find(|(_, square)| **square > LARGEST) {
            let (argument, rule) =
                ("features", "small enough for squared distances in single precision; divide all by one number");
            let got = format!("a length of {:e} in row {row}", square.sqrt());
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got });
        }
        let squares = squares.into_iter().map(|square| square as f32).collect();
        Ok(Self { rows, squares })
    }

    pub(super) fn len(&self) -> usize {
        self.squares.len()
    }

    /// Row numbers from which tiles start.
    pub(super) fn tiles(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        (0..self.len()).step_by(TILE)
    }

    /// Squared lengths of the rows of a tile.
    pub(super) fn squares(&self, start: usize) -> &[f32] {
        &self.squares[start..self.len().min(start + TILE)]
    }

    fn tile(&self, start: usize, centre: &[f32]) -> Vec<f32> {
        let rows = self.rows.slice(s![start..self.len().min(start + TILE), ..]);
        let mut tile = Vec::with_capacity(rows.len());
        for row in rows.axis_iter(Axis(0)) {
            tile.extend(row.iter().zip(centre).map(|(x, c)| x - c));
        }
        tile
    }

    /// The squared distance in float64, from the features as they came; the same from either side, to the bit.
    pub(super) fn exact(&self, row: usize, other: &Self, column: usize) -> f64 {
        let (x, y) = (self.rows.row(row), other.rows.row(column));
        let (x, y) = (x.as_slice().unwrap_or_default(), y.as_slice().unwrap_or_default());
        let square = |x: &f32, y: &f32| {
            let apart = f64::from(*x) - f64::from(*y);
            apart * apart
        };
        let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
        let mut sums = [0.0; 8];
        for (x, y) in x.iter().zip(y) {
            sums.iter_mut().zip(x.iter().zip(y)).for_each(|(sum, (x, y))| *sum += square(x, y));
        }
        sums.iter().sum::<f64>() + x_rest.iter().zip(y_rest).map(|(x, y)| square(x, y)).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::samples::normal;

    #[test]
    fn single_precision_stays_within_its_bound_and_the_exact_distance_is_symmetric() {
        // Near duplicates, far from the origin, of very different lengths: what single precision likes least.
        for (dimension, offset, scale) in [(3, 0.0, 1.0), (64, 50.0, 1.0), (70, 1e4, 1e-2), (17, 0.0, 1e-21)] {
            let x = normal(1, 40, dimension) * scale + offset;
            let mut y = normal(2, 30, dimension) * scale + offset;
            y.row_mut(0).assign(&(&x.row(0) + 1e-3 * scale));
            y.row_mut(1).mapv_inplace(|v| v * 30.0);
            let sets = Sets::new(x.view(), y.view()).unwrap();
            let distances = sets.space.distances((&sets.real, 0), (&sets.generated, 0));
            let (a, b) = (sets.real.squares(0), sets.generated.squares(0));
            for (i, row) in distances.rows().enumerate() {
                for (j, product) in row.iter().enumerate() {
                    let exact = sets.real.exact(i, &sets.generated, j);
                    assert_eq!(exact, sets.generated.exact(j, &sets.real, i));
                    let squares = a[i] + b[j];
                    let off = (f64::from(squares + product) - exact).abs();
                    assert!(off <= f64::from(sets.space.error(squares)), "{i} {j}: {off} at {exact}");
                }
            }
        }
    }

    #[test]
    fn features_beyond_single_precision_are_refused() {
        let (good, mut large) = (normal(1, 4, 2), normal(2, 4, 2));
        large[[3, 1]] = 1e19;
        let message = Sets::new(good.view(), large.view()).err().unwrap().to_string();
        assert!(message.contains("row 3"), "{message}");
    }
}
