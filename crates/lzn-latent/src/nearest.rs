//! The decision of a classifier: which anchor an end point has arrived at.

use ndarray::ArrayView2;

use crate::{Anchors, LatentError, Real};

/// Index of the nearest anchor for each of the `end_points: [B, d]`. Of equally near anchors the first wins; weights do not
/// count.
///
/// # Errors
/// [`LatentError::Shape`], [`LatentError::NonFinite`].
///
/// # Example
/// ```
/// use lzn_latent::{Anchors, nearest};
/// use ndarray::array;
///
/// let anchors = Anchors::new(array![[0.0, 0.0], [3.0, 0.0]])?;
/// assert_eq!(nearest(array![[1.0, 5.0], [2.0, -9.0]].view(), &anchors)?, [0, 1]);
/// # Ok::<(), lzn_latent::LatentError>(())
/// ```
pub fn nearest<F: Real>(end_points: ArrayView2<'_, F>, anchors: &Anchors<F>) -> Result<Vec<usize>, LatentError> {
    anchors.check_points("nearest", "end_points", end_points)?;
    // |p - a|^2 without |p|^2, which all anchors share; in double precision, since near anchors differ in the last digits.
    let all = anchors.precise();
    let half_squares: Vec<f64> = all.rows().into_iter().map(|row| 0.5 * row.dot(&row)).collect();
    let points = end_points.mapv(Real::wide) - anchors.mean();
    let products = points.dot(&all.t());
    let decide = |row: ndarray::ArrayView1<'_, f64>| {
        let score = |j: usize| row[j] - half_squares[j];
        (1..row.len()).fold(0, |best, j| if score(j) > score(best) { j } else { best })
    };
    Ok(products.rows().into_iter().map(decide).collect())
}
