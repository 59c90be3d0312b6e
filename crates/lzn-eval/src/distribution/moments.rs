//! Mean and covariance of a stream of features.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Mat, MatRef, Par};
use ndarray::{Array1, Array2, ArrayView2};

use super::checks::{check_count, check_dimension, check_rows};
use super::gaussian::Gaussian;
use crate::{EvalError, Metric};

const OPERATION: &str = "feature moments";

/// Rows that are multiplied at once: enough for the product to run at full speed, few enough to be small beside the covariance.
const BLOCK: usize = 512;

/// Mean and covariance in float64, in one pass, without keeping the features.
///
/// It keeps the number `n`, the mean `m` and the scatter `T`, the sum of `(x - m)(x - m)^T`. Two of them join as
///
/// ```text
/// m = m1 + (m2 - m1) n2 / n,    T = T1 + T2 + (m2 - m1)(m2 - m1)^T n1 n2 / n
/// ```
///
/// (Chan, Golub and LeVeque 1979), so no digits are lost to a large mean. Rows are collected into blocks of fixed size before they
/// are joined: how they are cut into batches changes not a bit of the result; how they are spread over workers, only rounding.
/// Memory is `8 d^2` bytes, and a block.
#[derive(Debug, Clone)]
pub struct FeatureMoments {
    dimension: usize,
    count: u64,
    mean: Vec<f64>,
    /// Lower triangle; the rest is zero.
    scatter: Mat<f64>,
    /// Rows that wait for their block to be full, row-major.
    pending: Vec<f32>,
}

impl FeatureMoments {
    /// For rows of `dimension` numbers.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] if `dimension` is 0.
    pub fn new(dimension: usize) -> Result<Self, EvalError> {
        check_dimension(OPERATION, dimension)?;
        let (mean, scatter) = (vec![0.0; dimension], Mat::zeros(dimension, dimension));
        Ok(Self { dimension, count: 0, mean, scatter, pending: Vec::new() })
    }

    /// Takes rows that were checked, given one after the other.
    fn push(&mut self, mut values: &[f32]) {
        while !values.is_empty() {
            let room = BLOCK * self.dimension - self.pending.len();
            let (now, later) = values.split_at(room.min(values.len()));
            self.pending.extend(now);
            if self.pending.len() == BLOCK * self.dimension {
                self.join_pending();
            }
            values = later;
        }
    }

    /// Joins the waiting rows. The product with the distance of the means rides along as one more row.
    fn join_pending(&mut self) {
        let dimension = self.dimension;
        let rows = self.pending.len() / dimension;
        if rows == 0 {
            return;
        }
        let mut mean = vec![0.0; dimension];
        for row in self.pending.chunks_exact(dimension) {
            mean.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        mean.iter_mut().for_each(|sum| *sum /= rows as f64);
        let mut centred = Vec::with_capacity((rows + 1) * dimension);
        for row in self.pending.chunks_exact(dimension) {
            centred.extend(row.iter().zip(&mean).map(|(&x, m)| f64::from(x) - m));
        }
        self.pending.clear();
        let apart = self.move_mean(rows as u64, &mean);
        centred.extend(apart);
        add_scatter(&mut self.scatter, MatRef::from_row_major_slice(&centred, rows + 1, dimension));
    }

    /// Joins `count` rows of mean `mean` into number and mean. Gives the row that, multiplied with itself, is what the scatter gains
    /// because the two means differ.
    fn move_mean(&mut self, count: u64, mean: &[f64]) -> Vec<f64> {
        let total = self.count + count;
        let share = count as f64 / total as f64;
        let root = (self.count as f64 * share).sqrt();
        self.count = total;
        let moved = self.mean.iter_mut().zip(mean).map(|(own, other)| {
            let apart = other - *own;
            *own += apart * share;
            apart * root
        });
        moved.collect()
    }
}

/// Adds `rows^T rows` to the lower triangle.
fn add_scatter(scatter: &mut Mat<f64>, rows: MatRef<'_, f64>) {
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    matmul(scatter, lower, Accum::Add, rows.transpose(), full, rows, full, 1.0, Par::rayon(0));
}

impl Metric for FeatureMoments {
    /// `[B, dimension]`.
    type Batch<'a> = ArrayView2<'a, f32>;
    type Value = Gaussian;
    type Error = EvalError;

    fn update(&mut self, batch: ArrayView2<'_, f32>) -> Result<(), EvalError> {
        check_rows(OPERATION, batch, self.dimension)?;
        match batch.as_slice() {
            Some(values) => self.push(values),
            None => batch.rows().into_iter().for_each(|row| self.push(&row.to_vec())),
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), EvalError> {
        if self.dimension != other.dimension {
            return Err(EvalError::Dimension { operation: OPERATION, expected: self.dimension, got: other.dimension });
        }
        if other.count > 0 {
            let apart = self.move_mean(other.count, &other.mean);
            add_scatter(&mut self.scatter, MatRef::from_row_major_slice(&apart, 1, self.dimension));
            self.scatter += other.scatter;
        }
        self.push(&other.pending);
        Ok(())
    }

    /// # Errors
    /// [`EvalError::Empty`] without rows, [`EvalError::TooFew`] with a single one, which has no covariance.
    fn finish(mut self) -> Result<Gaussian, EvalError> {
        self.join_pending();
        if self.count == 0 {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        check_count(OPERATION, "rows", self.count as usize, 2)?;
        let freedom = self.count as f64 - 1.0;
        let shape = (self.dimension, self.dimension);
        let covariance = Array2::from_shape_fn(shape, |(i, j)| self.scatter[(i.max(j), i.min(j))] / freedom);
        Ok(Gaussian { count: Some(self.count), mean: Array1::from(self.mean), covariance })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};
    use proptest::prelude::*;

    use super::*;
    use crate::distribution::samples::normal;

    fn moments(rows: ArrayView2<'_, f32>) -> FeatureMoments {
        let mut moments = FeatureMoments::new(rows.ncols()).unwrap();
        moments.update(rows).unwrap();
        moments
    }

    /// The definition, in two passes.
    fn two_passes(rows: ArrayView2<'_, f32>) -> (Array1<f64>, Array2<f64>) {
        let rows = rows.mapv(f64::from);
        let mean = rows.mean_axis(ndarray::Axis(0)).unwrap();
        let centred = &rows - &mean;
        (mean, centred.t().dot(&centred) / (rows.nrows() as f64 - 1.0))
    }

    fn assert_near(found: &Gaussian, rows: ArrayView2<'_, f32>) {
        let (mean, covariance) = two_passes(rows);
        assert_eq!(found.count, Some(rows.nrows() as u64));
        let largest = covariance.diag().iter().fold(0.0_f64, |a, b| a.max(*b));
        assert!((&found.mean - &mean).iter().all(|e| e.abs() < 1e-12 * (1.0 + mean.mapv(f64::abs).sum())));
        assert!((&found.covariance - &covariance).iter().all(|e| e.abs() < 1e-12 * largest));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_cut_gives_the_same_bits_and_any_merge_the_definition(
            seed in 0u64..1000, rows in 2usize..1200, offset in -1000.0f32..1000.0, cut in 0usize..1200,
        ) {
            let rows = normal(seed, rows, 5) + offset;
            let cut = cut.min(rows.nrows());
            let (first, second) = rows.view().split_at(ndarray::Axis(0), cut);
            let whole = moments(rows.view()).finish().unwrap();
            let mut batches = moments(first);
            batches.update(second).unwrap();
            prop_assert_eq!(&batches.finish().unwrap(), &whole);
            let mut merged = moments(second);
            merged.merge(moments(first)).unwrap();
            // In float64 the mean of 1,000 costs three of sixteen digits.
            let merged = merged.finish().unwrap();
            assert_near(&merged, rows.view());
            assert_near(&whole, rows.view());
        }
    }

    #[test]
    fn the_layout_of_a_batch_does_not_matter() {
        let rows = normal(3, 40, 4);
        let columns = rows.t().as_standard_layout().to_owned();
        assert_eq!(moments(columns.t()).finish().unwrap(), moments(rows.view()).finish().unwrap());
    }

    #[test]
    fn refused_batches_change_nothing() {
        let rows = normal(4, 9, 2);
        let mut metric = moments(rows.view());
        let wrong = metric.update(array![[0.0, 1.0], [2.0, f32::NAN]].view());
        assert!(matches!(wrong, Err(EvalError::NotANumber { row: 1, .. })));
        assert!(matches!(metric.update(rows.slice(s![.., ..1])), Err(EvalError::Dimension { .. })));
        assert!(matches!(metric.merge(FeatureMoments::new(3).unwrap()), Err(EvalError::Dimension { .. })));
        assert_eq!(metric.finish().unwrap(), moments(rows.view()).finish().unwrap());
    }

    #[test]
    fn no_rows_and_one_row_have_no_covariance() {
        assert!(matches!(FeatureMoments::new(0), Err(EvalError::TooFew { .. })));
        assert!(matches!(FeatureMoments::new(2).unwrap().finish(), Err(EvalError::Empty { .. })));
        let one = moments(array![[1.0, 2.0]].view()).finish();
        assert!(matches!(one, Err(EvalError::TooFew { needed: 2, got: 1, .. })));
    }
}
