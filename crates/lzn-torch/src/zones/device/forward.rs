//! From anchors to the prior.

use lzn_latent::{EndPoint, Plan, ZoneFlow};
use tch::{Kind, Tensor};

use super::course::{Course, Step};
use super::field::{Base, Bases, Field, Sink};
use super::{Kept, advance, chunks, rate_cotangent};
use crate::TorchError;
use crate::autograd::{Differentiable, attach};
use crate::zones::inputs::Inputs;
use crate::zones::{Zones, kind_of_computation};

/// Latents of `noise [B, d]`; everything has been checked.
pub(in crate::zones) fn to_latents(
    flow: &ZoneFlow,
    zones: &Zones<'_>,
    owners: &Tensor,
    noise: &Tensor,
) -> Result<Tensor, TorchError> {
    const OPERATION: &str = "zones::to_latents";
    let inputs = Inputs::new(zones, noise);
    let keep = inputs.record();
    let kind = kind_of_computation(zones, noise);
    let plan = flow.to_latents_plan();
    let (tiles, latents) = tch::no_grad(|| {
        let field = Field::new(zones, kind);
        let (points, owners) = (noise.detach().to_kind(kind), owners.to_device(noise.device()));
        let chunks = chunks(points.size()[0], field.anchors.size()[0]);
        let done = chunks.map(|(start, rows)| {
            Tile::integrate(plan, &field, owners.narrow(0, start, rows), points.narrow(0, start, rows), keep)
        });
        let (tiles, latents): (Vec<_>, Vec<_>) = done.unzip();
        let latents = if latents.is_empty() { points.copy() } else { Tensor::cat(&latents, 0) };
        (tiles, latents.to_kind(noise.kind()))
    });
    if !keep {
        return Ok(latents);
    }
    let node = ToLatents { plan: plan.clone(), kept: Kept::new(zones, &inputs), kind, tiles };
    Ok(attach(OPERATION, inputs.tensors(), vec![latents], Box::new(node))?.remove(0))
}

/// Some rows on their way; the base of a row is its own anchor.
struct Tile {
    owners: Tensor,
    course: Course,
    /// States before every evaluation, `[r, d]`.
    states: Vec<Tensor>,
}

impl Tile {
    fn integrate(plan: &Plan, field: &Field, owners: Tensor, mut z: Tensor, keep: bool) -> (Self, Tensor) {
        let bases = field.bases(owners.shallow_clone());
        let course = Course::to_latents(plan, field, &bases, &z);
        let near = course.near.as_ref().map(|near| bases.among(near));
        let (mut states, mut history) = (Vec::new(), Vec::new());
        for step in &course.steps {
            let bases = seen(step, &bases, near.as_ref());
            let mut rate = field.weights(&field.logits(&z, &step.tau, bases), bases).rate;
            if let Some(active) = &step.active {
                rate *= active;
            }
            history.insert(0, rate);
            history.truncate(plan.history().max(2));
            let next = advance(&z, &step.coefficients, &history);
            if keep {
                states.push(z);
            }
            z = next;
        }
        let latents = arrive(plan, field, &bases, &course, z);
        (Self { owners, course, states }, latents)
    }

    /// Goes back over the states from the cotangent of the latents; that of the noise.
    fn pull(&self, plan: &Plan, field: &Field, cotangent: &Tensor, sink: &mut Sink) -> Tensor {
        let bases = field.bases(self.owners.shallow_clone());
        let near = self.course.near.as_ref().map(|near| bases.among(near));
        let mut states = vec![depart(plan, field, &bases, &self.course, cotangent, sink)];
        for (k, (step, z)) in self.course.steps.iter().zip(&self.states).enumerate().rev() {
            let mut g = rate_cotangent(&self.course, k, &states);
            if let Some(active) = &step.active {
                g *= active;
            }
            let bases = seen(step, &bases, near.as_ref());
            let through = field.pull((z, &step.tau, bases), Base::Own, &g, None, sink);
            states.insert(0, &states[0] + through);
            states.truncate(plan.history().max(2));
        }
        states.remove(0)
    }
}

/// What a step looks at: the near anchors alone while rows catch up.
fn seen<'a>(step: &Step, all: &'a Bases, near: Option<&'a Bases>) -> &'a Bases {
    near.filter(|_| step.active.is_some()).unwrap_or(all)
}

/// From the last state to the latent.
fn arrive(plan: &Plan, field: &Field, bases: &Bases, course: &Course, z: Tensor) -> Tensor {
    match plan.end_point() {
        EndPoint::State { t, .. } if t < 1.0 => z * t + (&bases.points + &field.mean) * (1.0 - t),
        EndPoint::Prior { coefficient } => z + (field.prior().1 - &bases.points) * (&course.unit * coefficient),
        _ => z,
    }
}

/// The transpose of [`arrive`]: the cotangent of the last state.
fn depart(plan: &Plan, field: &Field, bases: &Bases, course: &Course, cotangent: &Tensor, sink: &mut Sink) -> Tensor {
    match plan.end_point() {
        EndPoint::State { t, .. } if t < 1.0 => {
            sink.anchors = sink.anchors.index_add(0, &bases.index, &(cotangent * (1.0 - t)));
            cotangent * t
        }
        EndPoint::Prior { coefficient } => {
            let g = cotangent * (&course.unit * coefficient);
            sink.anchors = sink.anchors.index_add(0, &bases.index, &-&g);
            let (shares, mean) = field.prior();
            let g = g.sum_dim_intlist(0, true, field.kind);
            sink.anchors += shares.unsqueeze(1) * &g;
            sink.log_weights += shares * (&field.anchors - mean).matmul(&g.squeeze_dim(0));
            cotangent.shallow_clone()
        }
        _ => cotangent.shallow_clone(),
    }
}

/// The way to the prior as a node.
struct ToLatents {
    plan: Plan,
    kept: Kept,
    kind: Kind,
    tiles: Vec<Tile>,
}

impl Differentiable for ToLatents {
    fn backward(&self, cotangents: &[Option<Tensor>], _: &[bool]) -> Result<Vec<Option<Tensor>>, TorchError> {
        let Some(Some(cotangent)) = cotangents.first() else { return Ok(Vec::new()) };
        let cotangent = cotangent.to_kind(self.kind);
        let field = Field::new(&self.kept.zones(), self.kind);
        let (mut sink, mut start) = (field.sink(), 0);
        let mut noise = Vec::new();
        for tile in &self.tiles {
            let rows = tile.owners.size()[0];
            noise.push(tile.pull(&self.plan, &field, &cotangent.narrow(0, start, rows), &mut sink));
            start += rows;
        }
        let noise = if noise.is_empty() { cotangent.copy() } else { Tensor::cat(&noise, 0) };
        Ok(self.kept.in_order(sink, noise))
    }
}
