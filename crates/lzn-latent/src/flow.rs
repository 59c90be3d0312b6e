//! The flow of the zones: a solver in both directions.

use crate::{LatentError, Plan, Solver};

/// Whether tiles of rows are spread over threads. The result is the same to the last bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Parallel {
    /// On the calling thread.
    No,
    /// On the current rayon pool.
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
    solver: Solver,
    to_latents: Plan,
    to_anchors: Plan,
    parallel: Parallel,
}

impl ZoneFlow {
    /// Checks the solver and works out both plans.
    ///
    /// # Errors
    /// [`LatentError::NoSteps`], [`LatentError::Order`], [`LatentError::EndTime`].
    pub fn new(solver: Solver) -> Result<Self, LatentError> {
        solver.check()?;
        Ok(Self {
            solver,
            to_latents: Plan::to_latents(&solver),
            to_anchors: Plan::to_anchors(&solver),
            parallel: Parallel::default(),
        })
    }

    /// The same flow with this use of threads; without it the rayon pool is used.
    pub fn with_parallel(mut self, parallel: Parallel) -> Self {
        self.parallel = parallel;
        self
    }

    /// The solver as given.
    pub fn solver(&self) -> &Solver {
        &self.solver
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
