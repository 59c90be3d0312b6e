//! From the prior to the anchors, and the probabilities on the way.

use lzn_latent::{EndPoint, Horizon, Plan, Unit, ZoneFlow};
use tch::{Kind, Tensor};

use super::course::Course;
use super::field::{Base, Bases, Field, Sink};
use super::{Kept, advance, chunks, rate_cotangent};
use crate::TorchError;
use crate::autograd::{Differentiable, attach};
use crate::zones::inputs::Inputs;
use crate::zones::{Assignment, Zones, kind_of_computation};

/// Assignments of `latents [B, d]`; everything has been checked.
pub(in crate::zones) fn to_anchors(
    flow: &ZoneFlow,
    latents: &Tensor,
    zones: &Zones<'_>,
    owners: &Tensor,
) -> Result<Assignment, TorchError> {
    const OPERATION: &str = "zones::to_anchors";
    let inputs = Inputs::new(zones, latents);
    let keep = inputs.record();
    let (kind, plan) = (kind_of_computation(zones, latents), flow.to_anchors_plan());
    let (tiles, end_points, own) = tch::no_grad(|| {
        let field = Field::new(zones, kind);
        let owners = owners.to_device(latents.device());
        let tiles = walk_all(plan, &field, latents, Some(&owners), if keep { Keep::States } else { Keep::Nothing });
        let end_points = end_points_of(&tiles, latents);
        let own = pad(tiles.iter().map(|tile| Tensor::stack(&tile.own_log_probs, 0)).collect(), latents);
        (tiles, end_points, own.to_kind(latents.kind()))
    });
    if !keep {
        return Ok(Assignment { end_points, own_log_probs: own });
    }
    let node = ToAnchors { plan: plan.clone(), kept: Kept::new(zones, &inputs), kind, tiles };
    let mut outputs = attach(OPERATION, inputs.tensors(), vec![end_points, own], Box::new(node))?;
    let own_log_probs = outputs.remove(1);
    Ok(Assignment { end_points: outputs.remove(0), own_log_probs })
}

/// End points `[B, d]`, without gradients; everything has been checked.
pub(in crate::zones) fn end_points(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Tensor {
    tch::no_grad(|| {
        let field = Field::new(zones, kind_of_computation(zones, latents));
        end_points_of(&walk_all(flow.to_anchors_plan(), &field, latents, None, Keep::Nothing), latents)
    })
}

/// Log-probabilities `[steps, B, N]` of all anchors, without gradients; everything has been checked.
pub(in crate::zones) fn all_log_probs(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Tensor {
    tch::no_grad(|| {
        let field = Field::new(zones, kind_of_computation(zones, latents));
        let tiles = walk_all(flow.to_anchors_plan(), &field, latents, None, Keep::LogProbs);
        pad(tiles.iter().map(|tile| Tensor::stack(&tile.log_probs, 0)).collect(), latents)
    })
}

/// Puts chunks of `[steps, rows, ..]` together; one that arrived early keeps its last values.
fn pad(parts: Vec<Tensor>, latents: &Tensor) -> Tensor {
    let steps = parts.iter().map(|part| part.size()[0]).max().unwrap_or(0);
    let padded = parts.into_iter().map(|part| {
        let missing = steps - part.size()[0];
        let last = part.narrow(0, part.size()[0] - 1, 1).repeat_interleave_self_int(missing, 0, None);
        Tensor::cat(&[part, last], 0)
    });
    let padded: Vec<Tensor> = padded.collect();
    if padded.is_empty() { Tensor::zeros([0, 0], (latents.kind(), latents.device())) } else { Tensor::cat(&padded, 1) }
}

fn end_points_of(tiles: &[Walk], latents: &Tensor) -> Tensor {
    let ends: Vec<&Tensor> = tiles.iter().map(|tile| &tile.end).collect();
    if ends.is_empty() { latents.detach().copy() } else { Tensor::cat(&ends, 0).to_kind(latents.kind()) }
}

/// What a walk keeps beside its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Nothing,
    LogProbs,
    States,
}

/// Rows that have arrived.
struct Walk {
    end: Tensor,
    course: Course,
    owners: Option<Tensor>,
    /// `[r]` for each evaluation.
    own_log_probs: Vec<Tensor>,
    /// `[r, N]` for each evaluation, if kept.
    log_probs: Vec<Tensor>,
    /// `z [r, d]` and bases `[r]` before each evaluation, if kept.
    states: Vec<(Tensor, Tensor)>,
}

fn walk_all(plan: &Plan, field: &Field, latents: &Tensor, owners: Option<&Tensor>, keep: Keep) -> Vec<Walk> {
    let points = latents.detach().to_kind(field.kind);
    let unit = match plan.unit() {
        Unit::Horizon(horizon) => horizon.merging(field.anchors.size()[0] as usize, field.spread()),
        _ => 1.0,
    };
    chunks(points.size()[0], field.anchors.size()[0])
        .map(|(start, rows)| {
            let points = points.narrow(0, start, rows);
            let course = Course::uniform(plan, unit, &points);
            walk(plan, field, &points, course, owners.map(|owners| owners.narrow(0, start, rows)), keep)
        })
        .collect()
}

fn walk(plan: &Plan, field: &Field, points: &Tensor, course: Course, owners: Option<Tensor>, keep: Keep) -> Walk {
    let stops = matches!((plan.unit(), plan.end_point()), (Unit::Horizon(_), EndPoint::Mean));
    let heaviest = field.log_weights.as_ref().map_or(0, |all| all.argmax(1, false).int64_value(&[0]));
    let mut bases = field.bases(Tensor::full([points.size()[0]], heaviest, (Kind::Int64, points.device())));
    let mut z = points / plan.start() - (&bases.points + &field.mean) * &course.steps[0].tau;
    let mut history: Vec<Tensor> = Vec::new();
    let (mut own_log_probs, mut log_probs, mut states) = (Vec::new(), Vec::new(), Vec::new());
    for (k, step) in course.steps.iter().enumerate() {
        let mut logits = field.logits(&z, &step.tau, &bases);
        let (lead, leader) = field.rival(&logits, &bases);
        let moves = lead.gt(Horizon::LEAD);
        if bool::try_from(moves.any()).unwrap_or(true) {
            let index = leader.where_self(&moves, &bases.index);
            let next = field.bases(index);
            let shift = &bases.points - &next.points;
            z += &shift * &step.tau;
            history.iter_mut().for_each(|rate| *rate += &shift);
            bases = next;
            logits = field.logits(&z, &step.tau, &bases);
        }
        let all = logits.log_softmax(1, field.kind);
        own_log_probs.extend(owners.as_ref().map(|owners| all.gather(1, &owners.unsqueeze(1), false).squeeze_dim(1)));
        history.insert(0, field.weights(&logits, &bases).rate);
        history.truncate(plan.history());
        if keep == Keep::LogProbs {
            log_probs.push(all);
        }
        if keep == Keep::States {
            states.push((z.shallow_clone(), bases.index.shallow_clone()));
        }
        if stops && k > 0 && all_arrived(field, &logits, &step.tau, &bases) {
            break;
        }
        z = advance(&z, &step.coefficients, &history);
    }
    let end = match plan.end_point() {
        EndPoint::State { t, tau } => (z + (&bases.points + &field.mean) * (&course.unit * tau)) * t,
        _ => &history[0] + &bases.points + &field.mean,
    };
    Walk { end, course, owners, own_log_probs, log_probs, states }
}

/// Whether all rows' rivals together weigh next to nothing, and cannot overtake any more.
fn all_arrived(field: &Field, logits: &Tensor, tau: &Tensor, bases: &Bases) -> bool {
    let below = -(field.anchors.size()[0] as f64 / Horizon::ARRIVED).ln();
    let far = field.rival(logits, bases).0.lt(below).all();
    // Without weights a logit that is negative keeps falling.
    let falls = field.relative_log_weights(bases).map(|log_weights| {
        let room = &bases.half_distances * tau.square() - logits + &log_weights;
        room.gt(0.0).logical_or(&bases.half_distances.eq(0.0)).logical_or(&log_weights.isneginf()).all()
    });
    [Some(far), falls].into_iter().flatten().all(|holds| bool::try_from(holds).unwrap_or(false))
}

impl Walk {
    /// Goes back over the states; the cotangent of the latents.
    fn pull(&self, plan: &Plan, field: &Field, end: &Tensor, own: Option<&Tensor>, sink: &mut Sink) -> Tensor {
        let last = self.states.len() - 1;
        let (state, of_mean) = match plan.end_point() {
            EndPoint::State { t, .. } => (end * t, None),
            _ => (end.zeros_like(), Some(end)),
        };
        let mut states = vec![state];
        for (k, (z, index)) in self.states.iter().enumerate().rev() {
            let mut g = rate_cotangent(&self.course, k, &states);
            if let Some(of_mean) = of_mean.filter(|_| k == last) {
                g += of_mean;
            }
            // What stands behind the last step repeats it.
            let h = own.map(|own| match k == last {
                true => own.narrow(0, k as i64, own.size()[0] - k as i64).sum_dim_intlist(0, false, field.kind),
                false => own.get(k as i64),
            });
            let bases = field.bases(index.shallow_clone());
            let log_probs = self.owners.as_ref().zip(h.as_ref());
            let through = field.pull((z, &self.course.steps[k].tau, &bases), Base::Coordinates, &g, log_probs, sink);
            states.insert(0, &states[0] + through);
            states.truncate(plan.history());
        }
        states.remove(0) / plan.start()
    }
}

/// The way to the anchors as a node.
struct ToAnchors {
    plan: Plan,
    kept: Kept,
    kind: Kind,
    tiles: Vec<Walk>,
}

impl Differentiable for ToAnchors {
    fn backward(&self, cotangents: &[Option<Tensor>], _: &[bool]) -> Result<Vec<Option<Tensor>>, TorchError> {
        let field = Field::new(&self.kept.zones(), self.kind);
        let given = |index: usize| cotangents.get(index).and_then(Option::as_ref).map(|g| g.to_kind(self.kind));
        let (end, own) = (given(0), given(1));
        let (mut sink, mut start) = (field.sink(), 0);
        let mut latents = Vec::new();
        for tile in &self.tiles {
            let rows = tile.end.size()[0];
            let of_end = end.as_ref().map_or_else(|| tile.end.zeros_like(), |end| end.narrow(0, start, rows));
            let of_own = own.as_ref().map(|own| own.narrow(1, start, rows));
            latents.push(tile.pull(&self.plan, &field, &of_end, of_own.as_ref(), &mut sink));
            start += rows;
        }
        let size = [0, self.kept.anchors.size()[1]];
        let none = || Tensor::zeros(size, (self.kind, self.kept.anchors.device()));
        let latents = if latents.is_empty() { none() } else { Tensor::cat(&latents, 0) };
        Ok(self.kept.in_order(sink, latents))
    }
}
