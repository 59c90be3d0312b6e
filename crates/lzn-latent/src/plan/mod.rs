//! A solver written out as numbers: where the zones are evaluated, and how the values are combined.
//!
//! With `tau = (1 - t) / t` and `u = x / t` the flow of the zones is
//!
//! ```text
//! du / dtau = ahat(u, tau),      ahat = sum_j w_j a_j       (the mean of the anchors under the weights of the zones)
//! ```
//!
//! without any division by `t`. In these variables Euler's rule in `t` is Euler's rule in `tau`, and DPM-Solver++ (data
//! prediction, multistep) is a linear multistep rule with variable steps. So one small table of coefficients says all that a
//! backend must know, and host and torch execute the same table.

mod dpm;
mod euler;
mod multistep;

pub(crate) use multistep::adams_bashforth;

use crate::{LatentError, Solver};

/// One evaluation of the zones and the step that follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    tau: f64,
    coefficients: Vec<f64>,
}

impl Node {
    /// An evaluation at the clock `tau` and the coefficients of the step behind it, newest rate first.
    pub fn new(tau: f64, coefficients: Vec<f64>) -> Self {
        Self { tau, coefficients }
    }

    /// The clock `tau = (1 - t) / t >= 0` of the evaluation, in the plan's [`Unit`]; 0 at the prior.
    pub fn tau(&self) -> f64 {
        self.tau
    }

    /// `C_0, C_1, ...`, at most three: the step is `u += sum_m C_m ahat_{k-m}` over this and the preceding evaluations.
    ///
    /// Their sum is the difference of `tau` from this node to the next. Empty where no step follows.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }
}

/// How the end point `x` follows from the last state.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum EndPoint {
    /// `x = t u` at this latent time `t`, reached at this `tau`.
    State {
        /// Latent time of the end.
        t: f64,
        /// `(1 - t) / t`.
        tau: f64,
    },
    /// `x = ahat` of the last evaluation: what Euler's last step down to `t = 0` gives.
    Mean,
    /// `x = u` at the prior, where the weights of the zones are those of the anchors, so that the mean `abar` is known without
    /// an evaluation: the last step adds `coefficient * abar`.
    Prior {
        /// In the plan's [`Unit`].
        coefficient: f64,
    },
}

/// What the clocks and coefficients of a plan are multiples of.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Unit {
    /// They are values of `tau`.
    Tau,
    /// They are multiples of a horizon, beyond which there is nothing to integrate.
    Horizon(Horizon),
}

/// Where zones begin to mix, and what is done beyond.
///
/// *Towards the prior* a row's path is straight as long as all other zones together weigh less than `mass` of its own. The
/// row starts there. The dense nodes start no farther out than where clusters of anchors have merged into one cloud; a row
/// that has to start before, since it has near neighbours, catches up in steps of constant `ratio` that look at
/// these neighbours alone.
///
/// *Towards the anchors* the unit is where clusters merge. Behind the last dense node the clock goes on by the same ratio,
/// until one zone holds all of a row but a rest below rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Horizon {
    /// Weight of the other zones, relative to the own one, at which a row starts; in (0, 1).
    pub mass: f64,
    /// Ratio of successive clocks beyond the dense nodes, in (0, 1).
    pub ratio: f64,
}

impl Horizon {
    /// Weight of a zone, relative to an even share of one, below which it plays no part before the dense nodes.
    pub const FAINT: f64 = 0.01;

    /// The part of `mass` at which a row with near neighbours starts: its steps look at these alone and cost little, so it may start
    /// earlier than others.
    pub const EARLY: f64 = 0.25;

    /// Octaves below the farthest root in which a row's horizon is searched: the parabolas of near pairs and of the bulk lie within
    /// them.
    pub const OCTAVES: i32 = 6;

    /// Bisections of that search: the horizon is found to half a per cent, which only moves the grid a little.
    pub const BISECTIONS: usize = 10;

    /// How much nearer to the prior than the clock of merging a row's dense steps may begin.
    pub const LATEST: f64 = 0.25;

    /// Weight of all rivals together below which a row has arrived at its anchor.
    pub const ARRIVED: f64 = 1e-6;

    /// How far a rival's logit may lead on the way to the anchors before it becomes the base. Any positive number is exact enough; a
    /// small one would change bases all the time near the prior, where all zones are about as probable.
    pub const LEAD: f64 = 2.0;

    /// The clock at which anchors of typical distance have merged into one cloud: `1.6 (sqrt(2 ln(N / mass)) + 2) / spread`, as measured (see
    /// docs/zoning.md), for `anchors` anchors whose distances have this root mean square. 1 if all are in one place.
    pub fn merging(&self, anchors: usize, spread: f64) -> f64 {
        if spread > 0.0 { 1.6 * ((2.0 * (anchors as f64 / self.mass).ln()).sqrt() + 2.0) / spread } else { 1.0 }
    }
}

/// A solver in one direction as a linear multistep rule in `tau`.
///
/// # Example
/// Four Euler steps from the prior to the anchors evaluate the zones at t = 1, 3/4, 1/2, 1/4:
/// ```
/// use lzn_latent::{EndPoint, Solver, ZoneFlow};
///
/// let flow = ZoneFlow::new(Solver::euler(4))?;
/// let plan = flow.to_anchors_plan();
/// let taus: Vec<f64> = plan.nodes().iter().map(|node| node.tau()).collect();
/// assert_eq!(taus, [0.0, 1.0 / 3.0, 1.0, 3.0]);
/// assert_eq!(plan.end_point(), EndPoint::Mean);
/// # Ok::<(), lzn_latent::LatentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    start: f64,
    nodes: Vec<Node>,
    end: EndPoint,
    unit: Unit,
}

/// A numerical scheme: what a [`ZoneFlow`](crate::ZoneFlow) follows in either direction.
///
/// [`Solver`] has those of this crate. A scheme of your own is a type that fills in the two tables; the engines, their
/// gradients and the tensor operations of `lzn-torch` then work with it as they are.
///
/// # Example
/// The midpoint of each Euler interval, as a one-off scheme:
/// ```
/// use lzn_latent::{Anchors, EndPoint, LatentError, Node, Plan, Scheme, Solver, Unit, ZoneFlow};
/// use ndarray::array;
///
/// #[derive(Debug)]
/// struct Midpoints(Vec<f64>);
///
/// impl Scheme for Midpoints {
///     fn to_latents(&self) -> Result<Plan, LatentError> {
///         let node = |pair: &[f64]| Node::new(0.5 * (pair[0] + pair[1]), vec![pair[1] - pair[0]]);
///         let nodes = self.0.windows(2).map(node).collect();
///         Plan::new(1e-4, nodes, EndPoint::State { t: 1.0, tau: 0.0 }, Unit::Tau)
///     }
///
///     fn to_anchors(&self) -> Result<Plan, LatentError> {
///         Solver::default().to_anchors()
///     }
/// }
///
/// let flow = ZoneFlow::new(Midpoints(vec![9999.0, 4.0, 2.0, 1.0, 0.5, 0.2, 0.0]))?;
/// let anchors = Anchors::new(array![[-1.0], [1.0]])?;
/// let latents = flow.to_latents(&anchors, &[0, 1], array![[0.3], [0.3]].view())?;
/// assert!(latents[[0, 0]] < 0.0 && latents[[1, 0]] > 0.0);
/// # Ok::<(), LatentError>(())
/// ```
pub trait Scheme: std::fmt::Debug + Send + Sync {
    /// The plan from the anchors to the prior; its clock falls, and its end is [`EndPoint::State`] or [`EndPoint::Prior`].
    ///
    /// # Errors
    /// What is wrong with the settings of the scheme.
    fn to_latents(&self) -> Result<Plan, LatentError>;

    /// The plan from the prior to the anchors; its clock rises, and its end is [`EndPoint::State`] or [`EndPoint::Mean`].
    ///
    /// # Errors
    /// What is wrong with the settings of the scheme.
    fn to_anchors(&self) -> Result<Plan, LatentError>;
}

impl Scheme for Solver {
    fn to_latents(&self) -> Result<Plan, LatentError> {
        self.check()?;
        Ok(match *self {
            Self::Euler { steps, start } => euler::to_latents(steps, start),
            Self::DpmSolver { steps, order, start, end } => dpm::plan(steps, order, start, 1.0 - end),
            Self::Multistep { evaluations } => multistep::to_latents(evaluations),
        })
    }

    fn to_anchors(&self) -> Result<Plan, LatentError> {
        self.check()?;
        Ok(match *self {
            Self::Euler { steps, .. } => euler::to_anchors(steps),
            Self::DpmSolver { steps, order, start, end } => dpm::plan(steps, order, 1.0 - end, start),
            Self::Multistep { evaluations } => multistep::to_anchors(evaluations),
        })
    }
}

impl Plan {
    /// A plan from its parts; `start` is the latent time `t` of the first state, where `u = x / t`.
    ///
    /// # Errors
    /// [`LatentError::NoSteps`] without nodes, [`LatentError::Plan`] for clocks that are negative, not finite or not monotone,
    /// coefficients that are not finite or more than three, times and horizons out of range.
    pub fn new(start: f64, nodes: Vec<Node>, end: EndPoint, unit: Unit) -> Result<Self, LatentError> {
        let plan = Self { start, nodes, end, unit };
        match plan.fault() {
            None if plan.nodes.is_empty() => Err(LatentError::NoSteps),
            None => Ok(plan),
            Some(fault) => Err(LatentError::Plan { fault }),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let within = |x: f64, low: f64, high: f64| x > low && x <= high;
        let falls = self.nodes.windows(2).all(|pair| pair[0].tau > pair[1].tau);
        let rises = self.nodes.windows(2).all(|pair| pair[0].tau < pair[1].tau);
        let coefficients = || self.nodes.iter().flat_map(|node| &node.coefficients);
        let horizon = |h: Horizon| within(h.mass, 0.0, 1.0) && within(h.ratio, 0.0, 0.999);
        let checks = [
            (within(self.start, 0.0, 1.0), "the first latent time must lie in (0, 1]"),
            (
                self.nodes.iter().all(|node| node.tau >= 0.0 && node.tau.is_finite()),
                "clocks must be finite and not negative",
            ),
            (falls || rises, "the clock must fall towards the prior and rise towards the anchors"),
            (coefficients().all(|c| c.is_finite()), "coefficients must be finite"),
            (self.nodes.iter().all(|node| node.coefficients.len() <= 3), "a step may use three evaluations at most"),
            (
                match self.end {
                    EndPoint::State { t, tau } => within(t, 0.0, 1.0) && tau >= 0.0,
                    EndPoint::Mean => true,
                    EndPoint::Prior { coefficient } => coefficient.is_finite(),
                },
                "the end must be a latent time in (0, 1] with its clock, or a finite coefficient",
            ),
            (
                match self.unit {
                    Unit::Tau => true,
                    Unit::Horizon(h) => horizon(h),
                },
                "the mass and the ratio of a horizon must lie in (0, 1)",
            ),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }

    /// Latent time `t` of the first state: `u = x / t` there.
    pub fn start(&self) -> f64 {
        self.start
    }

    /// The evaluations, in order; never empty.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// How the end point follows.
    pub fn end_point(&self) -> EndPoint {
        self.end
    }

    /// What clocks and coefficients are multiples of.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// How many evaluations of the past (this one included) a step uses at most.
    pub fn history(&self) -> usize {
        self.nodes.iter().map(|node| node.coefficients.len()).max().unwrap_or(0).max(1)
    }
}

/// `(1 - t) / t`.
fn tau_of(t: f64) -> f64 {
    (1.0 - t) / t
}
