//! From anchors to the prior: latents, and their gradients.

use std::collections::VecDeque;
use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

use crate::adjoint::{Base, Evaluated, Sink};
use crate::anchors::{check_finite, check_result, check_shape};
use crate::distance::{Distances, half_distances};
use crate::field::{Bases, Weights, logits};
use crate::history::{Cotangents, advance};
use crate::{Anchors, EndPoint, LatentError, Plan, Real, ZoneFlow, tiles};

const OPERATION: &str = "to_latents";

impl ZoneFlow {
    /// Latents of samples: one point of the Gaussian in the zone of each sample's own anchor.
    ///
    /// Standard normal noise gives latents that are, over all anchors together, standard normal up to the error of the
    /// solver. Noise scaled by a factor below 1 gives latents near the middle of the zone.
    ///
    /// # Shapes
    /// `owners: [B]`, rows of the anchors; `noise: [B, d]`; result `[B, d]`.
    ///
    /// # Errors
    /// [`LatentError::Shape`], [`LatentError::NonFinite`], [`LatentError::Owner`], [`LatentError::EmptyZone`],
    /// [`LatentError::Overflow`].
    ///
    /// # Example
    /// Two anchors share the line: the zone of the left one is its negative half.
    /// ```
    /// use lzn_latent::{Anchors, Solver, ZoneFlow};
    /// use ndarray::array;
    ///
    /// let anchors = Anchors::new(array![[-1.0], [1.0]])?;
    /// let noise = array![[0.3], [-0.8]];
    /// let latents = ZoneFlow::new(Solver::euler(100))?.to_latents(&anchors, &[0, 1], noise.view())?;
    /// assert!(latents[[0, 0]] < 0.0 && latents[[1, 0]] > 0.0);
    /// # Ok::<(), lzn_latent::LatentError>(())
    /// ```
    pub fn to_latents<F: Real>(
        &self,
        anchors: &Anchors<F>,
        owners: &[usize],
        noise: ArrayView2<'_, F>,
    ) -> Result<Array2<F>, LatentError> {
        check(anchors, owners, noise)?;
        let plan = self.to_latents_plan();
        let parts = tiles::map(self.parallel(), &tiles::ranges(owners.len()), |rows| {
            Tile::new(anchors, owners, rows.clone()).integrate(plan, noise.slice(s![rows.clone(), ..]).to_owned(), None)
        });
        finish(parts, anchors)
    }

    /// As [`ZoneFlow::to_latents`], and keeps what the gradients need: the state before every evaluation.
    ///
    /// # Errors
    /// Those of [`ZoneFlow::to_latents`].
    pub fn trace_latents<'a, F: Real>(
        &'a self,
        anchors: &'a Anchors<F>,
        owners: &[usize],
        noise: ArrayView2<'_, F>,
    ) -> Result<LatentTrace<'a, F>, LatentError> {
        check(anchors, owners, noise)?;
        let plan = self.to_latents_plan();
        let traced = tiles::map(self.parallel(), &tiles::ranges(owners.len()), |rows| {
            let mut tile = Tile::new(anchors, owners, rows.clone());
            let mut states = Vec::with_capacity(plan.nodes().len());
            let end = tile.integrate(plan, noise.slice(s![rows.clone(), ..]).to_owned(), Some(&mut states));
            tile.states = states;
            (tile, end)
        });
        let (tiles, parts): (Vec<_>, Vec<_>) = traced.into_iter().unzip();
        Ok(LatentTrace { flow: self, anchors, tiles, latents: finish(parts, anchors)? })
    }
}

/// Latents together with the way that led to them.
#[derive(Debug)]
pub struct LatentTrace<'a, F> {
    flow: &'a ZoneFlow,
    anchors: &'a Anchors<F>,
    tiles: Vec<Tile<'a, F>>,
    latents: Array2<F>,
}

/// Gradients of a function of latents.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentGradients<F> {
    /// With respect to the anchors, in all their roles: `[N, d]`.
    pub anchors: Array2<F>,
    /// With respect to the noise: `[B, d]`.
    pub noise: Array2<F>,
    /// With respect to the logarithms of the weights: `[N]`.
    pub log_weights: Array1<F>,
}

impl<F: Real> LatentTrace<'_, F> {
    /// The latents, `[B, d]`.
    pub fn latents(&self) -> ArrayView2<'_, F> {
        self.latents.view()
    }

    /// The gradients of `sum(latents * cotangent)`: exact for the steps as taken (discretise, then differentiate).
    ///
    /// # Errors
    /// [`LatentError::Shape`], [`LatentError::NonFinite`] for a cotangent `[B, d]` that does not fit.
    pub fn vjp(&self, cotangent: ArrayView2<'_, F>) -> Result<LatentGradients<F>, LatentError> {
        check_shape("vjp of to_latents", "cotangent", self.latents.shape(), cotangent.shape())?;
        check_finite("vjp of to_latents", "cotangent", cotangent)?;
        let plan = self.flow.to_latents_plan();
        let (sink, noise) = tiles::map_collecting(self.flow.parallel(), &self.tiles, self.anchors, |tile, sink| {
            tile.pull(plan, cotangent.slice(s![tile.rows.clone(), ..]).to_owned(), sink)
        });
        Ok(LatentGradients { anchors: sink.anchors, noise: stack(noise, self.anchors), log_weights: sink.log_weights })
    }
}

fn check<F: Real>(anchors: &Anchors<F>, owners: &[usize], noise: ArrayView2<'_, F>) -> Result<(), LatentError> {
    anchors.check_points(OPERATION, "noise", noise)?;
    anchors.check_owners(OPERATION, owners, noise.nrows())
}

fn finish<F: Real>(parts: Vec<Array2<F>>, anchors: &Anchors<F>) -> Result<Array2<F>, LatentError> {
    let latents = stack(parts, anchors);
    check_result(OPERATION, latents.view())?;
    Ok(latents)
}

/// Puts tiles back together.
pub(crate) fn stack<F: Real>(parts: Vec<Array2<F>>, anchors: &Anchors<F>) -> Array2<F> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    // It only fails without tiles: no rows came in, none go out.
    concatenate(Axis(0), &views).unwrap_or_else(|_| Array2::zeros((0, anchors.dim())))
}

/// Some rows, from their anchors to the prior. The base of a row is its own anchor.
struct Tile<'a, F> {
    anchors: &'a Anchors<F>,
    rows: Range<usize>,
    bases: Bases<F>,
    distances: Distances<'a, F>,
    /// `z` before every evaluation, where gradients are wanted.
    states: Vec<Array2<F>>,
}

impl<F> std::fmt::Debug for Tile<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tile").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<'a, F: Real> Tile<'a, F> {
    fn new(anchors: &'a Anchors<F>, owners: &[usize], rows: Range<usize>) -> Self {
        let own = owners[rows.clone()].to_vec();
        let distances = Distances::OfRows(half_distances(anchors, &own));
        Self { anchors, rows, bases: Bases::new(anchors, own), distances, states: Vec::new() }
    }

    /// Follows the plan from noise `z`; `states` receives `z` before every evaluation.
    fn integrate(&self, plan: &Plan, mut z: Array2<F>, mut states: Option<&mut Vec<Array2<F>>>) -> Array2<F> {
        let mut history = VecDeque::new();
        for node in plan.nodes() {
            let weights = self.weights(node.tau(), &z);
            history.push_front(weights.offset(self.anchors, &self.bases));
            history.truncate(plan.history());
            if let Some(states) = &mut states {
                states.push(z.clone());
            }
            advance(&mut z, node, &history);
        }
        let t = end_time(plan);
        if t < 1.0 {
            // x = t z + (1 - t) a_own, with the anchor as it was given.
            z.mapv_inplace(|z| z * F::of(t));
            for (mut row, &own) in z.rows_mut().into_iter().zip(&self.bases.index) {
                row.scaled_add(F::of(1.0 - t), &self.anchors.points().row(own));
            }
        }
        z
    }

    fn weights(&self, tau: f64, z: &Array2<F>) -> Weights<F> {
        Weights::new(logits(self.anchors, tau, z, &self.bases, &self.distances), &self.bases)
    }

    /// Goes back over the recorded states; returns the gradient of the noise.
    fn pull(&self, plan: &Plan, mut cotangent: Array2<F>, sink: &mut Sink<F>) -> Array2<F> {
        let t = end_time(plan);
        if t < 1.0 {
            for (row, &own) in cotangent.rows().into_iter().zip(&self.bases.index) {
                sink.anchors.row_mut(own).scaled_add(F::of(1.0 - t), &row);
            }
            cotangent.mapv_inplace(|g| g * F::of(t));
        }
        let mut cotangents = Cotangents::new(plan, cotangent);
        for (k, (node, z)) in plan.nodes().iter().zip(&self.states).enumerate().rev() {
            let weights = self.weights(node.tau(), z);
            let evaluated = Evaluated { anchors: self.anchors, tau: node.tau(), z, bases: &self.bases, weights };
            let through = evaluated.pull(&cotangents.rate(plan, k), None, Base::Own, sink);
            cotangents.retreat(&through);
        }
        cotangents.first().clone()
    }
}

/// Latent time where the way to the prior ends.
fn end_time(plan: &Plan) -> f64 {
    match plan.end_point() {
        EndPoint::State { t, .. } => t,
        // Plans towards the prior end in a state.
        EndPoint::Mean => 1.0,
    }
}
