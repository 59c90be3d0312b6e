//! Many anchors: zones of a few rows among a sample that stands for all.

mod company;
mod draw;
mod lookout;
mod strongest;
mod trace;

use ndarray::{Array2, ArrayView2, Axis, s};

use crate::flow::Parallel;
use crate::forward::stack;
use crate::{Anchors, Assignment, LatentError, Real, ZoneFlow, tiles};
use company::{Company, Population};
use lookout::Lookout;
pub use trace::SampledTrace;

/// Rows that share a company. Each brings its neighbours, which all of them then look at.
const GROUP: usize = 64;

/// How many anchors an approximation looks at, instead of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Anchors that stand for all the others, at least 1; all of them give the exact result.
    pub count: usize,
    /// Anchors that are found for every row and count as they are, beside the own one.
    pub neighbours: usize,
    /// Chooses the sample. Equal seeds choose equally.
    pub seed: u64,
}

impl Sampling {
    /// One anchor in 32, at least 1,024 and at most 16,384, and 56 neighbours: with the default solver no more than a sixth of the exact
    /// work from 65,536 anchors on.
    pub fn of(anchors: usize) -> Self {
        Self { count: (anchors / 32).clamp(1024, 16_384), neighbours: 56, seed: 0 }
    }
}

/// Anchors of which a sample stands for the rest: zones at a fraction of the work, with an error that can be estimated.
///
/// Rows are taken in groups of 64. What a group sees is a problem of zones of its own, solved by the exact engine:
///
/// * the **own anchors** of its rows, with their own weights;
/// * the **neighbours**: for each row the `neighbours` anchors that weigh most where its path begins to bend, found in one pass over
///   all anchors, with their own weights. Near-duplicates of the own anchor are among them whether sampled or not: a logit is
///   concave in `tau` and 0 at 0, so an anchor that weighed something earlier still does;
/// * a **common random sample** of the others, with weights raised by the weight of all others over that of the sample. Over all
///   samples each anchor counts, in the mean, exactly as often as it should; the weights of the group sum to those of all.
///
/// The sample is chosen by a counter-based hash of `seed` and index, without replacement and with equal probability (anchors of weight
/// zero excepted). Nothing else is random.
///
/// # Error
/// The error of latents goes like `1 / sqrt(count)`, and down with the neighbours. Root mean squares against the exact flow of the same
/// solver (d = 200, `Solver::multistep(8)`, clusters of within-variance 0.1, half of all anchors duplicates at distance 0.05):
///
/// | `N`, `count`, `neighbours` | normal | clusters | duplicates | share of the exact work |
/// |---|---|---|---|---|
/// | 65,536, 2,048, 64 | 1.7e-2 | 1.8e-2 | 1.7e-2 | 0.15 |
/// | 1,000,000, 16,384, 64 | 1.8e-2 | | | 0.08 |
///
/// The published Euler solver with 20 steps is off by 2e-2 to 4e-2 on all anchors. For anchors of your own there is
/// [`SampledAnchors::estimate_error`].
///
/// # Cost
/// Products of a row with an anchor, `2 d` floating-point operations each, for `e` evaluations: `(3 + 2 e) N` per row exactly;
/// here `N` for the pass, and `(3 + 2 e) (count + 64 (1 + neighbours))` at most for the rest. Gradients need `7 e` where values
/// need `2 e`, and no second pass. Memory: the anchors, and for each thread one group.
///
/// # Example
/// ```
/// use lzn_latent::{Anchors, Sampling, ZoneFlow};
/// use ndarray::Array2;
///
/// let wave = |n: usize, shift: f64| Array2::from_shape_fn((n, 8), |(i, k)| 2.0 * ((7 * i + k * k) as f64 + shift).sin());
/// let anchors = Anchors::new(wave(4000, 0.0))?;
/// let (owners, noise) = ([3, 1999, 3999], wave(3, 0.5));
///
/// let sampled = anchors.sampled(Sampling { count: 1000, neighbours: 64, seed: 7 })?;
/// let flow = ZoneFlow::default();
/// let latents = sampled.to_latents(&flow, &owners, noise.view())?;
/// assert_eq!(latents.dim(), (3, 8));
/// // How far from the exact ones? Worth asking with a few rows.
/// let estimate = sampled.estimate_error(&flow, &owners, noise.view())?;
/// assert!(estimate.rms < 0.1 && estimate.share < 0.7);
/// # Ok::<(), lzn_latent::LatentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SampledAnchors<F> {
    population: Population<F>,
    neighbours: usize,
    /// All anchors that count are in the sample.
    complete: bool,
    lookout: Lookout,
}

/// How an approximation compares with the exact flow on some rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Root mean square of the difference, per coordinate.
    pub rms: f64,
    /// The work of the approximation as a share of the exact one's.
    pub share: f64,
}

impl<F: Real> Anchors<F> {
    /// The same anchors, approximated by a sample: for very many of them. See [`SampledAnchors`].
    ///
    /// # Errors
    /// [`LatentError::NoSample`].
    pub fn sampled(&self, sampling: Sampling) -> Result<SampledAnchors<F>, LatentError> {
        if sampling.count == 0 {
            return Err(LatentError::NoSample);
        }
        let candidates = (0..self.len()).filter(|j| self.log_weight(*j) > F::neg_infinity());
        let complete = sampling.count >= candidates.clone().count();
        let sample = draw::draw(candidates, sampling.count, sampling.seed);
        let population = Population { shares: self.shares(), anchors: self.clone(), sample };
        Ok(SampledAnchors { lookout: Lookout::new(self)?, population, neighbours: sampling.neighbours, complete })
    }
}

impl<F: Real> SampledAnchors<F> {
    /// All anchors.
    pub fn anchors(&self) -> &Anchors<F> {
        &self.population.anchors
    }

    /// The anchors that stand for the others, in ascending order.
    pub fn sample(&self) -> &[usize] {
        &self.population.sample
    }

    /// As [`ZoneFlow::to_latents`]: `owners: [B]`, `noise: [B, d]`, result `[B, d]`.
    ///
    /// # Errors
    /// Those of [`ZoneFlow::to_latents`].
    pub fn to_latents(
        &self,
        flow: &ZoneFlow,
        owners: &[usize],
        noise: ArrayView2<'_, F>,
    ) -> Result<Array2<F>, LatentError> {
        Ok(self.trace_latents(flow, owners, noise)?.into_latents())
    }

    /// As [`ZoneFlow::trace_latents`]: with gradients of the approximation, which reach the anchors that took part.
    ///
    /// # Errors
    /// Those of [`ZoneFlow::to_latents`].
    pub fn trace_latents(
        &self,
        flow: &ZoneFlow,
        owners: &[usize],
        noise: ArrayView2<'_, F>,
    ) -> Result<SampledTrace<F>, LatentError> {
        SampledTrace::follow(self, flow, owners, noise)
    }

    /// As [`ZoneFlow::to_anchors`]: `latents: [B, d]`, `owners: [B]`.
    ///
    /// The way is gone twice: among the sample up to where zones part, to look for neighbours there, and then among both from
    /// the start. `owners` are neighbours in any case.
    ///
    /// # Errors
    /// Those of [`ZoneFlow::to_anchors`].
    pub fn to_anchors(
        &self,
        flow: &ZoneFlow,
        latents: ArrayView2<'_, F>,
        owners: Option<&[usize]>,
    ) -> Result<Assignment<F>, LatentError> {
        const OPERATION: &str = "to_anchors";
        let anchors = self.anchors();
        anchors.check_points(OPERATION, "latents", latents)?;
        owners.map_or(Ok(()), |owners| anchors.check_owners(OPERATION, owners, latents.nrows()))?;
        if self.complete {
            return flow.to_anchors(latents, anchors, owners);
        }
        let alone = flow.clone().with_parallel(Parallel::No);
        let parts = tiles::map(flow.parallel(), groups(latents.nrows()), |rows| {
            let latents = latents.slice(s![rows.clone(), ..]);
            let owners = owners.map(|owners| &owners[rows.clone()]);
            let own = distinct(owners.into_iter().flatten().copied());
            let first = self.company(own)?;
            let neighbours = self.lookout.near_ends(anchors, &first, latents, self.neighbours)?;
            let company = self.company(distinct(neighbours.into_iter().chain(first.exact().iter().copied())))?;
            let owners = owners.map(|owners| company.positions(owners));
            alone.to_anchors(latents, &company.anchors, owners.as_deref()).map_err(|error| error.moved(rows.start))
        });
        let parts: Vec<Assignment<F>> = parts.into_iter().collect::<Result<_, _>>()?;
        let end_points = stack(parts.iter().map(|part| part.end_points.view()), anchors);
        Ok(Assignment { end_points, own_log_probs: owners.map(|_| own_log_probs(&parts)) })
    }

    /// Compares the latents of a few rows with the exact ones, which are worked out for it: `owners: [B]`, `noise: [B, d]`.
    ///
    /// A few dozen rows tell the error to some per cent, since it is a mean over rows and coordinates. It is the error of the
    /// sample alone: that of the solver comes on top.
    ///
    /// # Errors
    /// Those of [`ZoneFlow::to_latents`].
    pub fn estimate_error(
        &self,
        flow: &ZoneFlow,
        owners: &[usize],
        noise: ArrayView2<'_, F>,
    ) -> Result<Estimate, LatentError> {
        let trace = self.trace_latents(flow, owners, noise)?;
        let exact = flow.to_latents(self.anchors(), owners, noise)?;
        let square = |(a, b): (&F, &F)| (a.wide() - b.wide()).powi(2);
        let sum: f64 = trace.latents().iter().zip(&exact).map(square).sum();
        Ok(Estimate { rms: (sum / exact.len().max(1) as f64).sqrt(), share: trace.share() })
    }

    /// The company of `exact` anchors; of all anchors where no other one is left in the sample to stand for the rest.
    fn company(&self, exact: Vec<usize>) -> Result<Company<F>, LatentError> {
        if self.population.is_represented(&exact) {
            return self.population.company(&exact);
        }
        self.population.company(&(0..self.anchors().len()).collect::<Vec<_>>())
    }
}

fn groups(rows: usize) -> Vec<std::ops::Range<usize>> {
    (0..rows).step_by(GROUP).map(|start| start..(start + GROUP).min(rows)).collect()
}

/// In ascending order, each once.
fn distinct(anchors: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut all: Vec<usize> = anchors.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// `[steps, B]`; groups that arrived early keep their last values.
fn own_log_probs<F: Real>(parts: &[Assignment<F>]) -> Array2<F> {
    let parts: Vec<_> = parts.iter().filter_map(|part| part.own_log_probs.as_ref()).collect();
    let steps = parts.iter().map(|part| part.nrows()).max().unwrap_or(0);
    let mut all = Array2::zeros((steps, parts.iter().map(|part| part.ncols()).sum()));
    let mut start = 0;
    for part in parts {
        let mut columns = all.slice_mut(s![.., start..start + part.ncols()]);
        for (k, mut row) in columns.axis_iter_mut(Axis(0)).enumerate() {
            row.assign(&part.row(k.min(part.nrows() - 1)));
        }
        start += part.ncols();
    }
    all
}
