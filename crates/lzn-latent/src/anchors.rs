//! The anchors that share the latent space, checked once.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::error::Rows;
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
    points: Array2<F>,
    /// Anchors without their mean: the zones only see differences, and those are then represented best.
    centred: Array2<F>,
    /// The same in double precision, for distances.
    precise: Array2<f64>,
    mean: Array1<f64>,
    log_weights: Option<Array1<F>>,
}

impl<F: Real> Anchors<F> {
    /// Takes `points: [N, d]`, with equal weights.
    ///
    /// # Errors
    /// [`LatentError::NoAnchors`] if `N` is 0, [`LatentError::NonFinite`] with the rows.
    pub fn new(points: Array2<F>) -> Result<Self, LatentError> {
        const OPERATION: &str = "anchors";
        check_finite(OPERATION, "points", points.view())?;
        let wide = points.mapv(Real::wide);
        let mean = wide.mean_axis(Axis(0)).ok_or(LatentError::NoAnchors { operation: OPERATION })?;
        let precise = wide - &mean;
        Ok(Self { points, centred: precise.mapv(F::of), precise, mean, log_weights: None })
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

    /// Number of anchors.
    pub fn len(&self) -> usize {
        self.points.nrows()
    }

    /// Always false: there is at least one anchor.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Dimension of the latent space.
    pub fn dim(&self) -> usize {
        self.points.ncols()
    }

    /// The anchors as given, `[N, d]`.
    pub fn points(&self) -> ArrayView2<'_, F> {
        self.points.view()
    }

    /// Logarithms of the weights, if there are any; -inf for a zone of weight zero.
    pub fn log_weights(&self) -> Option<&Array1<F>> {
        self.log_weights.as_ref()
    }

    pub(crate) fn centred(&self) -> &Array2<F> {
        &self.centred
    }

    pub(crate) fn precise(&self) -> &Array2<f64> {
        &self.precise
    }

    pub(crate) fn mean(&self) -> &Array1<f64> {
        &self.mean
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
