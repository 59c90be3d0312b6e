//! From anchors to the prior: latents, and their gradients.

mod catch_up;
mod start;
mod states;
mod tile;

use std::borrow::Borrow;
use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

use crate::anchors::{check_finite, check_result, check_shape};
use crate::{Anchors, LatentError, Real, ZoneFlow, tiles};
use tile::{Keep, Tile};

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
        let tiles = integrate(self, anchors, owners, noise, Keep::Nothing)?;
        finish(&tiles, anchors)
    }

    /// As [`ZoneFlow::to_latents`], and keeps what the gradients need: the state before every evaluation.
    ///
    /// # Errors
    /// Those of [`ZoneFlow::to_latents`].
    pub fn trace_latents<F: Real>(
        &self,
        anchors: &Anchors<F>,
        owners: &[usize],
        noise: ArrayView2<'_, F>,
    ) -> Result<LatentTrace<F>, LatentError> {
        let mut tiles = integrate(self, anchors, owners, noise, Keep::States)?;
        let latents = finish(&tiles, anchors)?;
        tiles.iter_mut().for_each(Tile::forget_latents);
        Ok(LatentTrace { flow: self.clone(), anchors: anchors.clone(), tiles, latents })
    }
}

/// Latents together with the way that led to them.
#[derive(Debug)]
pub struct LatentTrace<F> {
    flow: ZoneFlow,
    anchors: Anchors<F>,
    tiles: Vec<Tile<F>>,
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

/// How much a flow has cost, summed over the samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Evaluations of all zones, one per sample and node.
    pub evaluations: usize,
    /// Evaluations of one zone by its exact difference, in catch-up steps.
    pub pairs: usize,
    /// Most evaluations of all zones that a sample needed.
    pub most: usize,
}

impl<F: Real> LatentTrace<F> {
    /// The latents, `[B, d]`.
    pub fn latents(&self) -> ArrayView2<'_, F> {
        self.latents.view()
    }

    /// What the way has cost.
    pub fn work(&self) -> Work {
        self.tiles.iter().map(Tile::work).fold(Work::default(), |sum, work| Work {
            evaluations: sum.evaluations + work.evaluations,
            pairs: sum.pairs + work.pairs,
            most: sum.most.max(work.most),
        })
    }

    /// The clock `tau = (1 - t) / t` at which each sample's path begins to bend, `[B]`; 0 where it is straight all the way. Of a
    /// grid that all samples share it is the first node that counts.
    ///
    /// Gradients take these starts as constants.
    pub fn starts(&self) -> Array1<F> {
        self.tiles.iter().flat_map(|tile| tile.starts(self.flow.to_latents_plan())).collect()
    }

    /// The gradients of `sum(latents * cotangent)`: exact for the steps as taken (discretise, then differentiate).
    ///
    /// # Errors
    /// [`LatentError::Shape`], [`LatentError::NonFinite`] for a cotangent `[B, d]` that does not fit.
    pub fn vjp(&self, cotangent: ArrayView2<'_, F>) -> Result<LatentGradients<F>, LatentError> {
        self.check_cotangent(cotangent)?;
        Ok(pull(&self.flow, &self.anchors, self.tiles.iter().collect(), cotangent))
    }

    /// The latents, and the gradients that [`LatentTrace::vjp`] gives, for the last time: what has been kept for them is freed as
    /// it is used, so that a training step needs less memory at its worst moment.
    ///
    /// # Errors
    /// Those of [`LatentTrace::vjp`].
    pub fn into_vjp(self, cotangent: ArrayView2<'_, F>) -> Result<(Array2<F>, LatentGradients<F>), LatentError> {
        self.check_cotangent(cotangent)?;
        let gradients = pull(&self.flow, &self.anchors, self.tiles, cotangent);
        Ok((self.latents, gradients))
    }

    fn check_cotangent(&self, cotangent: ArrayView2<'_, F>) -> Result<(), LatentError> {
        const OPERATION: &str = "vjp of to_latents";
        check_shape(OPERATION, "cotangent", self.latents.shape(), cotangent.shape())?;
        check_finite(OPERATION, "cotangent", cotangent)
    }
}

/// Goes back over `tiles`, each of which is dropped when that is done.
fn pull<F: Real, T: Borrow<Tile<F>> + Send>(
    flow: &ZoneFlow,
    anchors: &Anchors<F>,
    tiles: Vec<T>,
    cotangent: ArrayView2<'_, F>,
) -> LatentGradients<F> {
    let plan = flow.to_latents_plan();
    let mut noise: Vec<Option<Array2<F>>> = vec![None; tiles.len()];
    let sink = tiles::collect(
        flow.parallel(),
        anchors,
        tiles.into_iter().zip(&mut noise).collect(),
        |(tile, noise): (T, &mut Option<Array2<F>>), sink, scratch| {
            let tile = tile.borrow();
            *noise = Some(tile.pull(plan, anchors, cotangent.slice(s![tile.rows(), ..]), sink, scratch));
        },
    );
    let collected = sink.finish(anchors);
    let noise = stack(noise.iter().flatten().map(|part| part.view()), anchors);
    LatentGradients { anchors: collected.anchors, noise, log_weights: collected.log_weights }
}

/// Integrates all rows, tile by tile.
fn integrate<F: Real>(
    flow: &ZoneFlow,
    anchors: &Anchors<F>,
    owners: &[usize],
    noise: ArrayView2<'_, F>,
    keep: Keep,
) -> Result<Vec<Tile<F>>, LatentError> {
    anchors.check_points(OPERATION, "noise", noise)?;
    anchors.check_owners(OPERATION, owners, noise.nrows())?;
    let plan = flow.to_latents_plan();
    let merged = match plan.unit() {
        crate::Unit::Horizon(horizon) => horizon.merging(anchors.len(), anchors.spread()),
        crate::Unit::Tau => 0.0,
    };
    let ranges: Vec<Range<usize>> = tiles::ranges(owners.len(), anchors.len());
    Ok(tiles::map(flow.parallel(), ranges, |rows| {
        let z = noise.slice(s![rows.clone(), ..]).as_standard_layout().into_owned();
        Tile::integrate(plan, anchors, owners[rows.clone()].to_vec(), rows, z, merged, keep)
    }))
}

fn finish<F: Real>(tiles: &[Tile<F>], anchors: &Anchors<F>) -> Result<Array2<F>, LatentError> {
    let latents = stack(tiles.iter().map(Tile::latents), anchors);
    check_result(OPERATION, latents.view())?;
    Ok(latents)
}

/// Puts tiles back together.
pub(crate) fn stack<'a, F: Real>(parts: impl Iterator<Item = ArrayView2<'a, F>>, anchors: &Anchors<F>) -> Array2<F> {
    let views: Vec<_> = parts.collect();
    // It only fails without tiles: no rows came in, none go out.
    concatenate(Axis(0), &views).unwrap_or_else(|_| Array2::zeros((0, anchors.dim())))
}
