//! From the prior to the anchors: end points, probabilities on the way, and their gradients.

mod walk;

use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayViewMut2, s};

use crate::anchors::{check_finite, check_result, check_shape};
use crate::forward::stack;
use crate::{Anchors, LatentError, Real, Unit, ZoneFlow, tiles};
use walk::{Cotangent, Ground, Keep, Walk};

const OPERATION: &str = "to_anchors";

/// Where the flow towards the anchors takes each latent, and how sure it is on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment<F> {
    /// End points at the anchors' end of the flow, `[B, d]`.
    pub end_points: Array2<F>,
    /// Log-probability of each sample's own anchor at every evaluation, `[steps, B]`, from the prior to the anchors; present
    /// when owners were given. Finite also where the probability underflows. Where a solver lets samples arrive at
    /// different steps, those that are there keep their last value.
    pub own_log_probs: Option<Array2<F>>,
}

impl ZoneFlow {
    /// Carries latents to the anchors; with `owners` it records the log-probability of each sample's own anchor.
    ///
    /// # Shapes
    /// `latents: [B, d]`, `owners: [B]`, rows of the anchors.
    ///
    /// # Errors
    /// [`LatentError::Shape`], [`LatentError::NonFinite`], [`LatentError::Owner`], [`LatentError::EmptyZone`],
    /// [`LatentError::Overflow`].
    ///
    /// # Example
    /// ```
    /// use lzn_latent::{Anchors, Solver, ZoneFlow, nearest};
    /// use ndarray::array;
    ///
    /// let anchors = Anchors::new(array![[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])?;
    /// let latents = array![[-0.9, -0.4], [0.1, 1.5]];
    /// let assignment = ZoneFlow::new(Solver::euler(100))?.to_anchors(latents.view(), &anchors, Some(&[0, 1]))?;
    /// assert_eq!(nearest(assignment.end_points.view(), &anchors)?, [0, 2]);
    /// // The first latent gets surer of its own anchor, the second of another one.
    /// let own = assignment.own_log_probs.unwrap();
    /// assert!(own[[0, 0]] == own[[0, 1]] && own[[99, 0]] > -0.01 && own[[99, 1]] < -100.0);
    /// # Ok::<(), lzn_latent::LatentError>(())
    /// ```
    pub fn to_anchors<F: Real>(
        &self,
        latents: ArrayView2<'_, F>,
        anchors: &Anchors<F>,
        owners: Option<&[usize]>,
    ) -> Result<Assignment<F>, LatentError> {
        check(anchors, owners, latents)?;
        let walks = walk_all(self, anchors, latents, owners, Keep::Nothing);
        let end_points = end_points(&walks, anchors)?;
        Ok(Assignment { end_points, own_log_probs: owners.map(|_| own_log_probs(self, &walks)) })
    }

    /// The log-probabilities of all anchors at every evaluation, `[steps, B, N]`. For inspection: it is large.
    ///
    /// # Errors
    /// Those of [`ZoneFlow::to_anchors`].
    pub fn all_log_probs<F: Real>(
        &self,
        latents: ArrayView2<'_, F>,
        anchors: &Anchors<F>,
    ) -> Result<Array3<F>, LatentError> {
        check(anchors, None, latents)?;
        let walks = walk_all(self, anchors, latents, None, Keep::LogProbs);
        let mut all = Array3::zeros((steps(self, &walks), latents.nrows(), anchors.len()));
        for walk in walks {
            for (k, mut step) in all.outer_iter_mut().enumerate() {
                for (i, row) in walk.rows.clone().enumerate() {
                    step.row_mut(row).assign(&walk.log_probs_at(i, k));
                }
            }
        }
        Ok(all)
    }

    /// As [`ZoneFlow::to_anchors`] with owners, and keeps what the gradients need: the state at every evaluation.
    ///
    /// # Errors
    /// Those of [`ZoneFlow::to_anchors`].
    pub fn trace_anchors<F: Real>(
        &self,
        latents: ArrayView2<'_, F>,
        anchors: &Anchors<F>,
        owners: &[usize],
    ) -> Result<AnchorTrace<F>, LatentError> {
        check(anchors, Some(owners), latents)?;
        let mut walks = walk_all(self, anchors, latents, Some(owners), Keep::States);
        let (end_points, own_log_probs) = (end_points(&walks, anchors)?, own_log_probs(self, &walks));
        walks.iter_mut().for_each(Walk::forget_end);
        Ok(AnchorTrace { flow: self.clone(), anchors: anchors.clone(), walks, end_points, own_log_probs })
    }
}

/// An assignment together with the way that led to it.
#[derive(Debug)]
pub struct AnchorTrace<F> {
    flow: ZoneFlow,
    anchors: Anchors<F>,
    walks: Vec<Walk<F>>,
    end_points: Array2<F>,
    own_log_probs: Array2<F>,
}

/// Gradients of a function of an assignment.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignmentGradients<F> {
    /// With respect to the latents: `[B, d]`.
    pub latents: Array2<F>,
    /// With respect to the anchors: `[N, d]`.
    pub anchors: Array2<F>,
    /// With respect to the logarithms of the weights: `[N]`.
    pub log_weights: Array1<F>,
}

impl<F: Real> AnchorTrace<F> {
    /// End points, `[B, d]`.
    pub fn end_points(&self) -> ArrayView2<'_, F> {
        self.end_points.view()
    }

    /// Log-probabilities of the own anchors, `[steps, B]`.
    pub fn own_log_probs(&self) -> ArrayView2<'_, F> {
        self.own_log_probs.view()
    }

    /// The gradients of `sum(end_points * g) + sum(own_log_probs * h)` for the cotangents `g: [B, d]` and `h: [steps, B]`.
    ///
    /// A sample's steps behind which all of its cotangents are zero cost nothing, so a loss on the best step of each is cheap.
    ///
    /// # Errors
    /// [`LatentError::Shape`], [`LatentError::NonFinite`] for cotangents that do not fit.
    pub fn vjp(
        &self,
        end_points: Option<ArrayView2<'_, F>>,
        own_log_probs: Option<ArrayView2<'_, F>>,
    ) -> Result<AssignmentGradients<F>, LatentError> {
        const OPERATION: &str = "vjp of to_anchors";
        for (argument, shape, cotangent) in [
            ("end_points", self.end_points.shape(), end_points),
            ("own_log_probs", self.own_log_probs.shape(), own_log_probs),
        ] {
            if let Some(cotangent) = cotangent {
                check_shape(OPERATION, argument, shape, cotangent.shape())?;
                check_finite(OPERATION, argument, cotangent)?;
            }
        }
        let anchors = &self.anchors;
        let ground = Ground::new(&self.flow, anchors);
        let mut latents = Array2::zeros(self.end_points.raw_dim());
        let parts = tiles::split(&mut latents, self.walks.iter().map(|walk| walk.rows.len()));
        let sink = tiles::collect(
            self.flow.parallel(),
            anchors,
            self.walks.iter().zip(parts).collect(),
            |(walk, mut latents): (&Walk<F>, ArrayViewMut2<'_, F>), sink, scratch| {
                let end = match end_points {
                    Some(all) => all.slice(s![walk.rows.clone(), ..]).to_owned(),
                    None => Array2::zeros((walk.rows.len(), anchors.dim())),
                };
                let own = own_log_probs.map(|all| all.slice_move(s![.., walk.rows.clone()]));
                latents.assign(&ground.pull(walk, Cotangent { end, own }, sink, scratch));
            },
        );
        let collected = sink.finish(anchors);
        Ok(AssignmentGradients { latents, anchors: collected.anchors, log_weights: collected.log_weights })
    }
}

fn check<F: Real>(
    anchors: &Anchors<F>,
    owners: Option<&[usize]>,
    latents: ArrayView2<'_, F>,
) -> Result<(), LatentError> {
    anchors.check_points(OPERATION, "latents", latents)?;
    owners.map_or(Ok(()), |owners| anchors.check_owners(OPERATION, owners, latents.nrows()))
}

fn walk_all<F: Real>(
    flow: &ZoneFlow,
    anchors: &Anchors<F>,
    latents: ArrayView2<'_, F>,
    owners: Option<&[usize]>,
    keep: Keep,
) -> Vec<Walk<F>> {
    let ground = Ground::new(flow, anchors);
    tiles::map(flow.parallel(), tiles::ranges(latents.nrows(), anchors.len()), |rows| {
        let owners = owners.map(|owners| owners[rows.clone()].to_vec());
        ground.walk(rows.clone(), latents.slice(s![rows, ..]), owners, keep)
    })
}

fn end_points<F: Real>(walks: &[Walk<F>], anchors: &Anchors<F>) -> Result<Array2<F>, LatentError> {
    let end_points = stack(walks.iter().map(|walk| walk.end.view()), anchors);
    check_result(OPERATION, end_points.view())?;
    Ok(end_points)
}

/// Evaluations of the sample that needed most. A grid that all share is always gone to its end.
fn steps<F: Real>(flow: &ZoneFlow, walks: &[Walk<F>]) -> usize {
    match flow.to_anchors_plan().unit() {
        Unit::Tau => flow.to_anchors_plan().nodes().len(),
        Unit::Horizon(_) => walks.iter().map(Walk::steps).max().unwrap_or(0),
    }
}

/// `[steps, B]`; samples that arrived early keep their last value.
fn own_log_probs<F: Real>(flow: &ZoneFlow, walks: &[Walk<F>]) -> Array2<F> {
    let samples = walks.iter().map(|walk| walk.rows.len()).sum();
    let mut all = Array2::zeros((steps(flow, walks), samples));
    for walk in walks {
        for (k, mut step) in all.outer_iter_mut().enumerate() {
            for (i, row) in walk.rows.clone().enumerate() {
                step[row] = walk.own_log_prob(i, k);
            }
        }
    }
    all
}
