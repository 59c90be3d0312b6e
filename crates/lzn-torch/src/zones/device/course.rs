//! A plan written out for the rows of a batch: when each is evaluated, and with which coefficients it moves on.

use lzn_latent::{Horizon, Plan, Unit};
use tch::Tensor;

use super::field::{Bases, Field};

/// One evaluation and the step behind it, for all rows.
pub(super) struct Step {
    /// Clocks, `[r, 1]`.
    pub(super) tau: Tensor,
    /// Factors of this rate and those before, newest first, `[r, 1]` each. Zero where a row stays.
    pub(super) coefficients: Vec<Tensor>,
    /// 1 where the row is on its way, `[r, 1]`; none if all are.
    pub(super) active: Option<Tensor>,
}

/// The steps of every row, and what end points are multiples of, `[r, 1]`.
pub(super) struct Course {
    pub(super) steps: Vec<Step>,
    pub(super) unit: Tensor,
    /// True for the near anchors, which catch-up steps look at alone, `[r, N]`; none without such steps.
    pub(super) near: Option<Tensor>,
}

impl Course {
    /// A plan whose clocks are multiples of one number.
    pub(super) fn uniform(plan: &Plan, unit: f64, like: &Tensor) -> Self {
        let rows = like.size()[0];
        let column = |x: f64| Tensor::full([rows, 1], x * unit, (like.kind(), like.device()));
        let steps = plan.nodes().iter().map(|node| Step {
            tau: column(node.tau()),
            coefficients: node.coefficients().iter().map(|c| column(*c)).collect(),
            active: None,
        });
        Self { steps: steps.collect(), unit: column(1.0), near: None }
    }

    /// The way to the prior from noise `z [r, d]`.
    pub(super) fn to_latents(plan: &Plan, field: &Field, bases: &Bases, z: &Tensor) -> Self {
        match plan.unit() {
            Unit::Horizon(horizon) => Self::at_horizons(plan, horizon, field, bases, z),
            _ => Self::uniform(plan, 1.0, z),
        }
    }

    fn at_horizons(plan: &Plan, horizon: Horizon, field: &Field, bases: &Bases, z: &Tensor) -> Self {
        let merged = horizon.merging(field.anchors.size()[0] as usize, field.spread());
        let (begin, unit, near) = horizons(horizon, merged, field, bases, z);
        let (mut steps, before) = catch_up(horizon, &begin, &unit);
        let near = (!steps.is_empty()).then_some(near);
        for (k, node) in plan.nodes().iter().enumerate() {
            let mut coefficients: Vec<Tensor> = node.coefficients().iter().map(|c| &unit * *c).collect();
            if let ([newest, older], Some(next), 0) = (coefficients.as_mut_slice(), plan.nodes().get(1), k) {
                // Rows that have caught up bring a rate from before.
                let late = begin.gt_tensor(&unit);
                let [to_newest, to_older] = adams_bashforth(&before, &(&unit * node.tau()), &(&unit * next.tau()));
                *newest = to_newest.where_self(&late, newest);
                *older = to_older.where_self(&late, older);
            }
            steps.push(Step { tau: &unit * node.tau(), coefficients, active: None });
        }
        Self { steps, unit, near }
    }
}

/// Where each row's zones begin to mix, where its dense steps begin, `[r, 1]`, and which anchors are near, `[r, N]`.
fn horizons(horizon: Horizon, merged: f64, field: &Field, bases: &Bases, z: &Tensor) -> (Tensor, Tensor, Tensor) {
    let early = horizon.mass * Horizon::EARLY;
    let below = (field.anchors.size()[0] as f64 / Horizon::FAINT.min(early)).ln();
    let half = &bases.half_distances;
    let log_weights = field.relative_log_weights(bases).unwrap_or_else(|| half.zeros_like());
    let slopes = field.slopes(z, bases);
    let square = slopes.square() + half * 4.0 * (&log_weights + below);
    let counts = half.gt(0.0).logical_and(&square.gt(0.0));
    let roots = (&slopes + square.clamp_min(0.0).sqrt()) / (half * 2.0);
    let roots = roots.clamp_min(0.0).where_self(&counts, &half.zeros_like());
    let parabolas = |tau: &Tensor| (&slopes - half * tau) * tau + &log_weights;
    let all = half.gt(0.0).to_kind(field.kind);
    let [first, early] = [horizon.mass, early].map(|mass| crossing(mass, &roots, &all, field, parabolas));
    // Without near neighbours, for rows that have them.
    let near = roots.gt(merged);
    let far_roots = roots.masked_fill(&near, 0.0);
    let rest = crossing(horizon.mass, &far_roots, &all.masked_fill(&near, 0.0), field, parabolas);
    let end = rest.clamp(merged * Horizon::LATEST, merged).masked_fill(&rest.le(0.0), merged);
    let late = first.gt(merged);
    (early.where_self(&late, &first), end.where_self(&late, &first), near)
}

/// The clock where all zones that take `part` together weigh `mass`, below the farthest of `roots`.
fn crossing(mass: f64, roots: &Tensor, part: &Tensor, field: &Field, logits: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let far = roots.amax([1].as_slice(), true);
    let (mut low, mut high) = (&far * 0.5f64.powi(Horizon::OCTAVES), far);
    for _ in 0..Horizon::BISECTIONS {
        let middle = (&low * &high).sqrt();
        let weight = logits(&middle).clamp_max(0.0).exp() * part;
        let light = weight.sum_dim_intlist(1, true, field.kind).lt(mass);
        high = middle.where_self(&light, &high);
        low = low.where_self(&light, &middle);
    }
    high
}

/// Steps of constant ratio from `begin` to `end`, `[r, 1]`, aligned at their end, and the last clock before it.
fn catch_up(horizon: Horizon, begin: &Tensor, end: &Tensor) -> (Vec<Step>, Tensor) {
    // Rows without catch-up begin at their end, and 0 / 0 where they have no horizon at all.
    let ratio = (begin / end).masked_fill(&begin.le_tensor(end), 1.0);
    let counts = (ratio.log() / -horizon.ratio.ln()).ceil();
    let most = counts.max().double_value(&[]) as i64;
    let clock = |k: &Tensor| begin * (ratio.log() * -(k / counts.clamp_min(1.0))).exp();
    let mut steps = Vec::new();
    for s in 0..most {
        // Rows with fewer steps wait.
        let k = &counts - (most - s) as f64;
        let active = k.ge(0.0).to_kind(begin.kind());
        let (tau, next) = (clock(&k), clock(&(&k + 1.0)));
        let before = (&tau * 2.0 - &next).where_self(&k.le(0.0), &clock(&(&k - 1.0)));
        // Selected, not multiplied: rows that wait have steps of no length, and 0 / 0 among their coefficients.
        let waits = active.eq(0.0);
        let coefficients = adams_bashforth(&before, &tau, &next).map(|c| c.masked_fill(&waits, 0.0)).into();
        steps.push(Step { tau, coefficients, active: Some(active) });
    }
    let before = clock(&(&counts - 1.0));
    (steps, before)
}

/// Weights of the rates at `tau` and at `before` for a step to `next`.
fn adams_bashforth(before: &Tensor, tau: &Tensor, next: &Tensor) -> [Tensor; 2] {
    let step = next - tau;
    let lean = step.square() * 0.5 / (tau - before);
    [&step + &lean, -lean]
}
