//! The flow of the zones: a solver in both directions.

use crate::{EndPoint, LatentError, Plan, Scheme, Solver};

/// Whether tiles of rows are spread over threads. The result is the same to the last bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Parallel {
    /// On the calling thread.
    No,
    /// On the current rayon pool; on the calling thread without the feature `rayon`.
    #[default]
    Rayon,
}

/// Carries points between the anchors and the Gaussian prior, zone by zone.
///
/// # Example
/// ```
/// use lzn_latent::{Solver, ZoneFlow};
///
/// let flow = ZoneFlow::new(Solver::dpm(20))?;
/// assert_eq!(flow.to_latents_plan().nodes().len(), 20);
/// assert!(ZoneFlow::new(Solver::euler(0)).is_err());
/// # Ok::<(), lzn_latent::LatentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneFlow {
    to_latents: Plan,
    to_anchors: Plan,
    parallel: Parallel,
}

impl Default for ZoneFlow {
    /// The flow of [`Solver::default`].
    fn default() -> Self {
        let plan = "the default solver has plans";
        Self::new(Solver::default()).expect(plan)
    }
}

impl ZoneFlow {
    /// Works out the plans of a scheme for both directions.
    ///
    /// # Errors
    /// Those of the scheme, for a [`Solver`] [`LatentError::NoSteps`], [`LatentError::Order`], [`LatentError::EndTime`]; and
    /// [`LatentError::Plan`] if a plan runs in the wrong direction.
    pub fn new(scheme: impl Scheme) -> Result<Self, LatentError> {
        let (to_latents, to_anchors) = (scheme.to_latents()?, scheme.to_anchors()?);
        if matches!(to_latents.end_point(), EndPoint::Mean) {
            return Err(LatentError::Plan { fault: "the way to the prior cannot end in a mean of anchors" });
        }
        if matches!(to_anchors.end_point(), EndPoint::Prior { .. }) {
            return Err(LatentError::Plan { fault: "the way to the anchors cannot end at the prior" });
        }
        Ok(Self { to_latents, to_anchors, parallel: Parallel::default() })
    }

    /// The same flow with this use of threads; without it the rayon pool is used.
    pub fn with_parallel(mut self, parallel: Parallel) -> Self {
        self.parallel = parallel;
        self
    }

    /// How threads are used.
    pub fn parallel(&self) -> Parallel {
        self.parallel
    }

    /// The plan from anchors (t near 0) to the prior (t = 1).
    pub fn to_latents_plan(&self) -> &Plan {
        &self.to_latents
    }

    /// The plan from the prior (t = 1) to the anchors (t near 0).
    pub fn to_anchors_plan(&self) -> &Plan {
        &self.to_anchors
    }
}
