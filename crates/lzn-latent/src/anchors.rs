//! The anchors that share the latent space, checked once.

use std::sync::Arc;

use ndarray::{ArcArray2, Array1, Array2, ArrayView2};

use crate::error::Rows;
use crate::kernels::panels::Panels;
use crate::{LatentError, Real};

/// One anchor per row, and how much of the Gaussian each zone gets.
///
/// A value of this type has at least one anchor, no value that is not finite, and a positive total weight.
///
/// # Example
/// ```
/// use lzn_latent::Anchors;
/// use ndarray::array;
///
/// // Three classes, the last of them twice as frequent.
/// let anchors = Anchors::new(array![[0.0, 1.0], [1.0, 0.0], [-1.0, 0.5]])?.with_weights(array![1.0, 1.0, 2.0])?;
/// assert_eq!((anchors.len(), anchors.dim()), (3, 2));
/// assert!(Anchors::new(array![[0.0, f64::NAN]]).unwrap_err().to_string().contains("row 0"));
/// # Ok::<(), lzn_latent::LatentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Anchors<F> {
    /// Shared, so that traces may keep their anchors.
    set: Arc<Set<F>>,
    log_weights: Option<Array1<F>>,
}

/// Anchors without their weights.
#[derive(Debug, PartialEq)]
struct Set<F> {
    points: ArcArray2<F>,
    /// Anchors without their mean: the zones only see differences, and those are then represented best.
    centred: Array2<F>,
    /// The same as `[d, N]`: products of rows with all anchors are fastest from it.
    transposed: Panels<F>,
    /// Their half squares.
    half_squares: Vec<F>,
    mean: Array1<f64>,
}

impl<F: Real> Anchors<F> {
    /// Takes `points: [N, d]`, with equal weights.
    ///
    /// # Errors
    /// [`LatentError::NoAnchors`] if `N` is 0, [`LatentError::NonFinite`] with the rows.
    pub fn new(points: Array2<F>) -> Result<Self, LatentError> {
        Self::shared(points.into_shared())
    }

    /// As [`Anchors::new`], of points that the caller keeps too, without a copy of them.
    ///
    /// # Errors
    /// Those of [`Anchors::new`].
    pub fn shared(points: ArcArray2<F>) -> Result<Self, LatentError> {
        const OPERATION: &str = "anchors";
        check_finite(OPERATION, "points", points.view())?;
        if points.nrows() == 0 {
            return Err(LatentError::NoAnchors { operation: OPERATION });
        }
        let mut mean = Array1::zeros(points.ncols());
        for row in points.rows() {
            mean.zip_mut_with(&row, |mean, x| *mean += x.wide());
        }
        mean /= points.nrows() as f64;
        // Row by row in memory, so that kernels may take rows as slices.
        let points =
            if points.is_standard_layout() { points } else { points.as_standard_layout().into_owned().into_shared() };
        let mut centred = points.to_owned();
        let mut half_squares = Vec::with_capacity(points.nrows());
        for mut row in centred.rows_mut() {
            let mut square = 0.0;
            for (x, mean) in row.iter_mut().zip(&mean) {
                let precise = x.wide() - mean;
                square += precise * precise;
                *x = F::of(precise);
            }
            half_squares.push(F::of(0.5 * square));
        }
        let transposed = Panels::transposed(centred.view());
        let set = Set { points, centred, transposed, half_squares, mean };
        Ok(Self { set: Arc::new(set), log_weights: None })
    }

    /// The same anchors with `weights: [N]`: the share of each zone in the Gaussian, up to a common factor.
    ///
    /// A weight of zero takes the zone away. A weight of two is the same as the anchor given twice.
    ///
    /// # Errors
    /// [`LatentError::Shape`], [`LatentError::Weight`] for weights that are negative or not finite,
    /// [`LatentError::NoWeight`] if all are zero.
    pub fn with_weights(mut self, weights: Array1<F>) -> Result<Self, LatentError> {
        const OPERATION: &str = "anchor weights";
        check_shape(OPERATION, "weights", &[self.len()], weights.shape())?;
        let bad = |w: &F| !(w.is_finite() && *w >= F::zero());
        if let Some(rows) = Rows::collect(weights.iter().enumerate().filter(|(_, w)| bad(w)).map(|(i, _)| i)) {
            return Err(LatentError::Weight { operation: OPERATION, rows });
        }
        if weights.iter().all(|w| *w == F::zero()) {
            return Err(LatentError::NoWeight { operation: OPERATION });
        }
        self.log_weights = Some(weights.mapv(|w| w.ln()));
        Ok(self)
    }

    /// The same anchors with logarithms of weights, `[N]`, that come from checked ones.
    pub(crate) fn with_log_weights(mut self, log_weights: Array1<F>) -> Self {
        self.log_weights = Some(log_weights);
        self
    }

    /// Number of anchors.
    pub fn len(&self) -> usize {
        self.set.points.nrows()
    }

    /// Always false: there is at least one anchor.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Dimension of the latent space.
    pub fn dim(&self) -> usize {
        self.set.points.ncols()
    }

    /// The anchors as given, `[N, d]`.
    pub fn points(&self) -> ArrayView2<'_, F> {
        self.set.points.view()
    }

    /// Logarithms of the weights, if there are any; -inf for a zone of weight zero.
    pub fn log_weights(&self) -> Option<&Array1<F>> {
        self.log_weights.as_ref()
    }

    pub(crate) fn centred(&self) -> &Array2<F> {
        &self.set.centred
    }

    /// The same as `[d, N]`.
    pub(crate) fn transposed(&self) -> &Panels<F> {
        &self.set.transposed
    }

    /// The anchor `index` without the mean, in double precision.
    pub(crate) fn precise(&self, index: usize) -> impl Iterator<Item = f64> {
        self.point(index).iter().zip(&self.set.mean).map(|(x, mean)| x.wide() - mean)
    }

    /// All anchors without their mean in double precision, `[N, d]`, worked out for those who need them once.
    pub(crate) fn all_precise(&self) -> Array2<f64> {
        self.set.points.mapv(Real::wide) - &self.set.mean
    }

    /// `|a_j - mean|^2 / 2`.
    pub(crate) fn half_squares(&self) -> &[F] {
        &self.set.half_squares
    }

    pub(crate) fn mean(&self) -> &Array1<f64> {
        &self.set.mean
    }

    /// The anchor `index` as given.
    pub(crate) fn point(&self, index: usize) -> &[F] {
        let dim = self.dim();
        self.set.points.as_slice().map_or(&[], |all| &all[index * dim..(index + 1) * dim])
    }

    /// Shares of the zones in the Gaussian, `[N]`; they sum to one.
    pub(crate) fn shares(&self) -> Array1<f64> {
        let raw = match &self.log_weights {
            Some(log_weights) => {
                let largest = log_weights.iter().fold(F::neg_infinity(), |a, b| a.max(*b)).wide();
                log_weights.mapv(|l| (l.wide() - largest).exp())
            }
            None => Array1::ones(self.len()),
        };
        let total = raw.sum();
        raw / total
    }

    /// The mean of the anchors under their weights, relative to the plain mean, `[d]`.
    pub(crate) fn prior_mean(&self) -> Array1<f64> {
        match &self.log_weights {
            Some(_) => {
                let mut mean = Array1::zeros(self.dim());
                for (j, share) in self.shares().into_iter().enumerate() {
                    mean.iter_mut().zip(self.precise(j)).for_each(|(mean, x)| *mean += share * x);
                }
                mean
            }
            None => Array1::zeros(self.dim()),
        }
    }

    /// Root of the mean square distance of two anchors, drawn by their shares; 0 if all are in one place.
    pub(crate) fn spread(&self) -> f64 {
        let (shares, mean) = (self.shares(), self.prior_mean());
        let square = |j: usize| self.precise(j).zip(&mean).map(|(a, m)| (a - m) * (a - m)).sum::<f64>();
        let variance: f64 = shares.iter().enumerate().map(|(j, share)| share * square(j)).sum();
        (2.0 * variance).sqrt()
    }

    /// `log c_j`; 0 without weights.
    pub(crate) fn log_weight(&self, anchor: usize) -> F {
        self.log_weights.as_ref().map_or(F::zero(), |weights| weights[anchor])
    }

    /// Refuses owners that do not exist or whose zone is empty.
    pub(crate) fn check_owners(
        &self,
        operation: &'static str,
        owners: &[usize],
        rows: usize,
    ) -> Result<(), LatentError> {
        check_shape(operation, "owners", &[rows], &[owners.len()])?;
        for (row, &owner) in owners.iter().enumerate() {
            if owner >= self.len() {
                return Err(LatentError::Owner { operation, row, owner: owner as i64, anchors: self.len() });
            }
            if self.log_weight(owner) == F::neg_infinity() {
                return Err(LatentError::EmptyZone { operation, row, owner });
            }
        }
        Ok(())
    }

    /// Refuses points of another dimension, or that are not finite.
    pub(crate) fn check_points(
        &self,
        operation: &'static str,
        argument: &'static str,
        points: ArrayView2<'_, F>,
    ) -> Result<(), LatentError> {
        check_shape(operation, argument, &[points.nrows(), self.dim()], points.shape())?;
        check_finite(operation, argument, points)
    }
}

pub(crate) fn check_shape(
    operation: &'static str,
    argument: &'static str,
    expected: &[usize],
    got: &[usize],
) -> Result<(), LatentError> {
    if expected == got {
        return Ok(());
    }
    Err(LatentError::Shape { operation, argument, expected: expected.to_vec(), got: got.to_vec() })
}

pub(crate) fn check_finite<F: Real>(
    operation: &'static str,
    argument: &'static str,
    array: ArrayView2<'_, F>,
) -> Result<(), LatentError> {
    let bad =
        array.rows().into_iter().enumerate().filter(|(_, row)| row.iter().any(|x| !x.is_finite())).map(|(i, _)| i);
    match Rows::collect(bad) {
        Some(rows) => Err(LatentError::NonFinite { operation, argument, rows }),
        None => Ok(()),
    }
}

/// Refuses a result that has left the range of its type. The inputs were finite.
pub(crate) fn check_result<F: Real>(operation: &'static str, result: ArrayView2<'_, F>) -> Result<(), LatentError> {
    check_finite(operation, "result", result).map_err(|error| match error {
        LatentError::NonFinite { operation, rows, .. } => LatentError::Overflow { operation, rows },
        other => other,
    })
}
