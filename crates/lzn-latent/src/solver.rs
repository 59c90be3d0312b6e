//! The numerical schemes of this crate, as plain data.

use crate::LatentError;

/// A scheme that carries latents between anchors (latent time 0) and prior (1).
///
/// Plain data: [`ZoneFlow::new`](crate::ZoneFlow::new) checks it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Solver {
    /// Euler steps of equal length in `t`: from `start` to 1 towards the prior, from 1 to 0 towards the anchors.
    Euler {
        /// Number of steps, at least 1.
        steps: usize,
        /// Latent time at which the way to the prior starts, in (0, 1); the flow is singular at 0.
        start: f64,
    },
    /// DPM-Solver++ (Lu et al. 2022), multistep, data prediction, steps of equal length in `t` between `start` and `1 - end`.
    ///
    /// The first steps are of order 1, 2, ... until enough of the past is known; with fewer than ten steps the last ones
    /// go down again, as published.
    DpmSolver {
        /// Number of steps, at least 1.
        steps: usize,
        /// Order, 1 to 3.
        order: usize,
        /// Distance in `t` from the anchors, in (0, 1).
        start: f64,
        /// Distance in `t` from the prior, in (0, 1); `start + end` stays below 1.
        end: f64,
    },
    /// Adams-Bashforth of order 2 from where the zones of each row begin to mix, with sparse catch-up steps for rows that
    /// have near neighbours. Ours, and the default.
    Multistep {
        /// Evaluations of all zones towards the prior, at least 1; three times as many dense ones towards the anchors.
        evaluations: usize,
    },
}

impl Default for Solver {
    /// [`Solver::multistep`] with 6 evaluations.
    fn default() -> Self {
        Self::multistep(6)
    }
}

impl Solver {
    /// Euler with the published start at `t = 1e-4`.
    pub const fn euler(steps: usize) -> Self {
        Self::Euler { steps, start: 1e-4 }
    }

    /// DPM-Solver++ with the published order 3 and ends 1e-3.
    pub const fn dpm(steps: usize) -> Self {
        Self::DpmSolver { steps, order: 3, start: 1e-3, end: 1e-3 }
    }

    /// Ours, with this many evaluations towards the prior.
    pub const fn multistep(evaluations: usize) -> Self {
        Self::Multistep { evaluations }
    }

    /// Number of steps, or of evaluations of all zones towards the prior.
    pub const fn steps(&self) -> usize {
        match *self {
            Self::Euler { steps, .. } | Self::DpmSolver { steps, .. } => steps,
            Self::Multistep { evaluations } => evaluations,
        }
    }

    /// Refuses what cannot be integrated.
    pub(crate) fn check(&self) -> Result<(), LatentError> {
        if self.steps() == 0 {
            return Err(LatentError::NoSteps);
        }
        match *self {
            Self::Euler { start, .. } => check_time("start", start, 1.0),
            Self::DpmSolver { order, start, end, .. } => {
                if !(1..=3).contains(&order) {
                    return Err(LatentError::Order { order });
                }
                check_time("start", start, 1.0)?;
                check_time("end", end, 1.0 - start)
            }
            Self::Multistep { .. } => Ok(()),
        }
    }
}

fn check_time(name: &'static str, value: f64, limit: f64) -> Result<(), LatentError> {
    // Written so that NaN is refused too.
    if value > 0.0 && value < limit { Ok(()) } else { Err(LatentError::EndTime { name, value, limit }) }
}
