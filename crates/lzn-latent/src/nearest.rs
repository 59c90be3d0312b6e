//! Which anchor an end point has arrived at, and how often that is the own one.

use ndarray::ArrayView2;

use crate::{Anchors, LatentError, Real, Solver, ZoneFlow};

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
    let all = anchors.all_precise();
    let half_squares: Vec<f64> = all.rows().into_iter().map(|row| 0.5 * row.dot(&row)).collect();
    let points = end_points.mapv(Real::wide) - anchors.mean();
    let products = points.dot(&all.t());
    let decide = |row: ndarray::ArrayView1<'_, f64>| {
        let score = |j: usize| row[j] - half_squares[j];
        (1..row.len()).fold(0, |best, j| if score(j) > score(best) { j } else { best })
    };
    Ok(products.rows().into_iter().map(decide).collect())
}

/// The flow that judges, three times as many dense evaluations: its own error moves no border that a few hundred samples could see.
const JUDGE: usize = 20;

/// The **zone hit rate**: the fraction of latents whose converged flow towards the anchors ends at their own anchor. 1 for exact
/// latents; 1 without any.
///
/// It is what a solver promises: an error too small to see in a latent is large enough to put it into a neighbour's zone.
///
/// # Shapes
/// `latents: [B, d]`, `owners: [B]`, rows of the anchors.
///
/// # Errors
/// Those of [`ZoneFlow::to_anchors`].
///
/// # Example
/// ```
/// use lzn_latent::{Anchors, zone_hit_rate};
/// use ndarray::array;
///
/// let anchors = Anchors::new(array![[-1.0, 0.0], [1.0, 0.0]])?;
/// // The border between the two zones is where the first coordinate is 0.
/// let latents = array![[-0.3, 2.0], [0.2, -1.0], [-0.1, 0.0]];
/// assert_eq!(zone_hit_rate(latents.view(), &anchors, &[0, 1, 1])?, 2.0 / 3.0);
/// # Ok::<(), lzn_latent::LatentError>(())
/// ```
pub fn zone_hit_rate<F: Real>(
    latents: ArrayView2<'_, F>,
    anchors: &Anchors<F>,
    owners: &[usize],
) -> Result<f64, LatentError> {
    let assignment = ZoneFlow::new(Solver::multistep(JUDGE))?.to_anchors(latents, anchors, Some(owners))?;
    let reached = nearest(assignment.end_points.view(), anchors)?;
    let hits = reached.iter().zip(owners).filter(|(reached, own)| reached == own).count();
    Ok(if owners.is_empty() { 1.0 } else { hits as f64 / owners.len() as f64 })
}
