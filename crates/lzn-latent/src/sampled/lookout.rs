//! Where to look for the anchors that matter: where the paths bend, as the sample sees them.

use ndarray::ArrayView2;

use super::company::Company;
use super::strongest::{Points, strongest};
use crate::{Anchors, EndPoint, Horizon, LatentError, Parallel, Plan, Real, Scheme, Solver, Unit, ZoneFlow};

/// How far the sample is followed towards the anchors, as a share of the clock where clusters have merged: zones part there.
const PARTING: f64 = 0.6;

/// The shortest look ahead: towards the prior a single evaluation, of which only the start is used; towards the anchors the
/// dense nodes until zones part.
#[derive(Debug, Clone, Copy)]
struct Glance;

impl Scheme for Glance {
    fn to_latents(&self) -> Result<Plan, LatentError> {
        Solver::multistep(1).to_latents()
    }

    fn to_anchors(&self) -> Result<Plan, LatentError> {
        let full = Solver::default().to_anchors()?;
        let mut nodes = full.nodes().to_vec();
        let count = nodes.iter().position(|node| node.tau() >= PARTING).unwrap_or(nodes.len() - 1).max(1);
        let end = EndPoint::State { t: 1.0, tau: nodes[count].tau() };
        nodes.truncate(count);
        Plan::new(full.start(), nodes, end, full.unit())
    }
}

/// Finds neighbours.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lookout {
    glance: ZoneFlow,
    /// The clock at which clusters have merged.
    merging: f64,
}

impl Lookout {
    pub(super) fn new<F: Real>(anchors: &Anchors<F>) -> Result<Self, LatentError> {
        let glance = ZoneFlow::new(Glance)?.with_parallel(Parallel::No);
        let merging = horizon(glance.to_latents_plan()).map_or(1.0, |h| h.merging(anchors.len(), anchors.spread()));
        Ok(Self { glance, merging })
    }

    /// The anchors that weigh most for any of the rows where its path begins to bend, or where clusters have merged if that is
    /// later: what weighed something before still does.
    pub(super) fn near_starts<F: Real>(
        &self,
        anchors: &Anchors<F>,
        company: &Company<F>,
        owners: &[usize],
        noise: ArrayView2<'_, F>,
        count: usize,
    ) -> Result<Vec<usize>, LatentError> {
        let starts = self.glance.trace_latents(&company.anchors, &company.positions(owners), noise)?.starts();
        let taus: Vec<F> = starts.iter().map(|start| start.min(F::of(self.merging))).collect();
        let mut u = noise.to_owned();
        for ((mut u, tau), own) in u.rows_mut().into_iter().zip(&taus).zip(owners) {
            u.scaled_add(*tau, &anchors.centred().row(*own));
        }
        Ok(strongest(anchors, &Points { u, taus }, count).into_iter().flatten().collect())
    }

    /// The anchors that weigh most where the zones part, for latents that follow the company up to there.
    pub(super) fn near_ends<F: Real>(
        &self,
        anchors: &Anchors<F>,
        company: &Company<F>,
        latents: ArrayView2<'_, F>,
        count: usize,
    ) -> Result<Vec<usize>, LatentError> {
        let plan = self.glance.to_anchors_plan();
        let unit = horizon(plan).map_or(1.0, |h| h.merging(company.anchors.len(), company.anchors.spread()));
        let EndPoint::State { tau, .. } = plan.end_point() else { return Ok(Vec::new()) };
        let tau = unit * tau;
        let mut u = self.glance.to_anchors(latents, &company.anchors, None)?.end_points;
        u -= &anchors.mean().mapv(|mean| F::of(tau * mean));
        let points = Points { taus: vec![F::of(tau); u.nrows()], u };
        Ok(strongest(anchors, &points, count).into_iter().flatten().collect())
    }
}

fn horizon(plan: &Plan) -> Option<Horizon> {
    match plan.unit() {
        Unit::Horizon(horizon) => Some(horizon),
        Unit::Tau => None,
    }
}
