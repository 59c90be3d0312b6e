//! Latents among sampled anchors, group by group, and their gradients.

use ndarray::{Array2, ArrayView2, s};

use super::company::Collected;
use super::{SampledAnchors, distinct, groups};
use crate::anchors::{check_finite, check_shape};
use crate::flow::Parallel;
use crate::forward::stack;
use crate::{LatentError, LatentGradients, Real, ZoneFlow, tiles};

/// Groups whose gradients are held at once before they are added up.
const BATCH: usize = 16;

/// Latents of the approximation, and what it takes to differentiate them.
///
/// Kept are the noise and the neighbours of every group. Gradients follow the flow once more, group by group, so that memory does not
/// grow with evaluations.
#[derive(Debug)]
pub struct SampledTrace<F> {
    sampled: SampledAnchors<F>,
    flow: ZoneFlow,
    owners: Vec<usize>,
    noise: Array2<F>,
    latents: Array2<F>,
    /// The exact anchors of every group; all of one group if the sample is complete.
    exact: Vec<Vec<usize>>,
    /// Products of a row with an anchor: here, and exactly.
    products: (usize, usize),
}

impl<F: Real> SampledTrace<F> {
    pub(super) fn follow(
        sampled: &SampledAnchors<F>,
        flow: &ZoneFlow,
        owners: &[usize],
        noise: ArrayView2<'_, F>,
    ) -> Result<Self, LatentError> {
        const OPERATION: &str = "to_latents";
        let anchors = sampled.anchors();
        anchors.check_points(OPERATION, "noise", noise)?;
        anchors.check_owners(OPERATION, owners, noise.nrows())?;
        // Distances (in double precision), slopes, and two products per evaluation.
        let per_row = |evaluations: usize| 3 + 2 * evaluations;
        let evaluations = flow.to_latents_plan().nodes().len();
        let exactly = owners.len() * anchors.len() * per_row(evaluations);
        let mut this = Self {
            sampled: sampled.clone(),
            flow: flow.clone(),
            owners: owners.to_vec(),
            noise: noise.to_owned(),
            latents: Array2::zeros((0, 0)),
            exact: Vec::new(),
            products: (exactly, exactly),
        };
        if sampled.complete {
            this.latents = flow.to_latents(anchors, owners, noise)?;
            return Ok(this);
        }
        let alone = flow.clone().with_parallel(Parallel::No);
        let parts = tiles::map(flow.parallel(), groups(owners.len()), |rows| {
            let (owners, noise) = (&owners[rows.clone()], noise.slice(s![rows.clone(), ..]));
            let first = sampled.company(distinct(owners.iter().copied()))?;
            let neighbours = sampled.lookout.near_starts(anchors, &first, owners, noise, sampled.neighbours)?;
            let company = sampled.company(distinct(neighbours.into_iter().chain(owners.iter().copied())))?;
            let latents = alone
                .to_latents(&company.anchors, &company.positions(owners), noise)
                .map_err(|error| error.moved(rows.start))?;
            let per_row =
                anchors.len() + first.members.len() * per_row(1) + company.members.len() * per_row(evaluations);
            let products = owners.len() * per_row;
            Ok((latents, company.exact().to_vec(), products))
        });
        let parts: Vec<_> = parts.into_iter().collect::<Result<_, LatentError>>()?;
        this.latents = stack(parts.iter().map(|(latents, ..)| latents.view()), anchors);
        this.products.0 = parts.iter().map(|(.., products)| products).sum();
        this.exact = parts.into_iter().map(|(_, exact, _)| exact).collect();
        Ok(this)
    }

    /// The latents, `[B, d]`.
    pub fn latents(&self) -> ArrayView2<'_, F> {
        self.latents.view()
    }

    pub(super) fn into_latents(self) -> Array2<F> {
        self.latents
    }

    /// The work as a share of the exact one's, by products of rows with anchors on the way to the latents.
    pub fn share(&self) -> f64 {
        if self.products.1 == 0 { 1.0 } else { self.products.0 as f64 / self.products.1 as f64 }
    }

    /// The gradients of `sum(latents * cotangent)`: exact for the approximation as computed, with sample and neighbours taken as
    /// constants. Anchors that took part in no group get nothing; their weights do.
    ///
    /// # Errors
    /// [`LatentError::Shape`], [`LatentError::NonFinite`] for a cotangent `[B, d]` that does not fit.
    pub fn vjp(&self, cotangent: ArrayView2<'_, F>) -> Result<LatentGradients<F>, LatentError> {
        const OPERATION: &str = "vjp of to_latents";
        check_shape(OPERATION, "cotangent", self.latents.shape(), cotangent.shape())?;
        check_finite(OPERATION, "cotangent", cotangent)?;
        let (anchors, population) = (self.sampled.anchors(), &self.sampled.population);
        if self.sampled.complete {
            return self.flow.trace_latents(anchors, &self.owners, self.noise.view())?.vjp(cotangent);
        }
        let alone = self.flow.clone().with_parallel(Parallel::No);
        let mut collected = Collected::new(anchors);
        let mut noise = Array2::zeros(self.noise.raw_dim());
        let groups: Vec<_> = groups(self.owners.len()).into_iter().zip(&self.exact).collect();
        for batch in groups.chunks(BATCH) {
            let parts = tiles::map(self.flow.parallel(), batch.to_vec(), |(rows, exact)| {
                let company = population.company(exact)?;
                let owners = company.positions(&self.owners[rows.clone()]);
                let trace = alone.trace_latents(&company.anchors, &owners, self.noise.slice(s![rows.clone(), ..]))?;
                let gradients = trace.vjp(cotangent.slice(s![rows.clone(), ..]))?;
                Ok::<_, LatentError>((rows, company, gradients))
            });
            for part in parts {
                let (rows, company, gradients): (_, _, LatentGradients<F>) =
                    part.map_err(|error: LatentError| error)?;
                noise.slice_mut(s![rows, ..]).assign(&gradients.noise);
                collected.add(population, &company, &gradients.anchors, gradients.log_weights.view());
            }
        }
        let log_weights = collected.log_weights(population);
        Ok(LatentGradients { anchors: collected.anchors, noise, log_weights })
    }
}
