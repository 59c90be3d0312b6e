//! Tensors in main memory: the kernels of `lzn-latent`, as one node of the graph.

use lzn_latent::{AnchorTrace, Anchors, LatentError, LatentTrace, Real, ZoneFlow};
use ndarray::{Array1, Array2, ArrayView2};
use tch::{Device, Kind, Tensor};

use super::clock::counted;
use super::inputs::{Inputs, Returns};
use super::{Assignment, Zones};
use crate::TorchError;
use crate::autograd::{Differentiable, attach};

/// A type of numbers that both sides have.
trait Number: Real + tch::kind::Element {}

impl Number for f32 {}
impl Number for f64 {}

/// Whether the tensors are where the host can reach them.
pub(super) fn applies(zones: &Zones<'_>, points: &Tensor) -> bool {
    zones.anchors.device() == Device::Cpu && points.device() == Device::Cpu
}

/// Latents of `noise [B, d]`; everything has been checked.
pub(super) fn to_latents(
    flow: &ZoneFlow,
    zones: &Zones<'_>,
    owners: &Tensor,
    noise: &Tensor,
) -> Result<Tensor, TorchError> {
    counted(|| match super::kind_of_computation(zones, noise) {
        Kind::Double => latents::<f64>(flow, zones, owners, noise),
        _ => latents::<f32>(flow, zones, owners, noise),
    })
}

/// Assignments of `latents [B, d]`; everything has been checked.
pub(super) fn to_anchors(
    flow: &ZoneFlow,
    latents: &Tensor,
    zones: &Zones<'_>,
    owners: &Tensor,
) -> Result<Assignment, TorchError> {
    counted(|| match super::kind_of_computation(zones, latents) {
        Kind::Double => assignment::<f64>(flow, latents, zones, owners),
        _ => assignment::<f32>(flow, latents, zones, owners),
    })
}

/// End points `[B, d]` of `latents`, without gradients; everything has been checked.
pub(super) fn end_points(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<Tensor, TorchError> {
    fn of<F: Number>(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<Tensor, TorchError> {
        let points = prepare::<F>(latents);
        let assignment = flow.to_anchors(view::<F>(&points), &anchors::<F>(zones)?, None)?;
        Ok(tensor(&assignment.end_points))
    }
    match super::kind_of_computation(zones, latents) {
        Kind::Double => of::<f64>(flow, latents, zones),
        _ => of::<f32>(flow, latents, zones),
    }
}

/// The share of `latents [B, d]` that lie in the zone of their own anchor, in single precision; everything has been checked.
pub(super) fn hit_rate(latents: &Tensor, zones: &Zones<'_>, owners: &Tensor) -> Result<f64, TorchError> {
    let points = prepare::<f32>(latents);
    Ok(lzn_latent::zone_hit_rate(view::<f32>(&points), &anchors::<f32>(zones)?, &indices(owners))?)
}

/// Log-probabilities `[steps, B, N]` of all anchors, without gradients; everything has been checked.
pub(super) fn all_log_probs(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<Tensor, TorchError> {
    fn of<F: Number>(flow: &ZoneFlow, latents: &Tensor, zones: &Zones<'_>) -> Result<Tensor, TorchError> {
        let points = prepare::<F>(latents);
        let all = flow.all_log_probs(view::<F>(&points), &anchors::<F>(zones)?)?;
        let size: Vec<i64> = all.shape().iter().map(|n| *n as i64).collect();
        Ok(Tensor::from_slice(all.as_slice().unwrap_or_default()).view(size.as_slice()))
    }
    match super::kind_of_computation(zones, latents) {
        Kind::Double => of::<f64>(flow, latents, zones),
        _ => of::<f32>(flow, latents, zones),
    }
}

fn latents<F: Number>(
    flow: &ZoneFlow,
    zones: &Zones<'_>,
    owners: &Tensor,
    noise: &Tensor,
) -> Result<Tensor, TorchError> {
    const OPERATION: &str = "zones::to_latents";
    let inputs = Inputs::new(zones, noise);
    let (set, owners, points) = (anchors::<F>(zones)?, indices(owners), prepare::<F>(noise));
    if !inputs.record() {
        return Ok(tensor(&flow.to_latents(&set, &owners, view::<F>(&points))?).to_kind(noise.kind()));
    }
    let trace = flow.trace_latents(&set, &owners, view::<F>(&points))?;
    let latents = tensor(&trace.latents().to_owned()).to_kind(noise.kind());
    let node = ToLatents { trace, returns: inputs.returns() };
    let mut outputs = attach(OPERATION, inputs.tensors(), vec![latents], Box::new(node))?;
    Ok(outputs.remove(0))
}

fn assignment<F: Number>(
    flow: &ZoneFlow,
    latents: &Tensor,
    zones: &Zones<'_>,
    owners: &Tensor,
) -> Result<Assignment, TorchError> {
    const OPERATION: &str = "zones::to_anchors";
    let inputs = Inputs::new(zones, latents);
    let (set, owners, points) = (anchors::<F>(zones)?, indices(owners), prepare::<F>(latents));
    if !inputs.record() {
        let done = flow.to_anchors(view::<F>(&points), &set, Some(&owners))?;
        let own = done.own_log_probs.unwrap_or_default();
        return Ok(Assignment {
            end_points: tensor(&done.end_points).to_kind(latents.kind()),
            own_log_probs: tensor(&own).to_kind(latents.kind()),
        });
    }
    let trace = flow.trace_anchors(view::<F>(&points), &set, &owners)?;
    let outputs = [trace.end_points().to_owned(), trace.own_log_probs().to_owned()];
    let outputs = outputs.iter().map(|output| tensor(output).to_kind(latents.kind())).collect();
    let node = ToAnchors { trace, returns: inputs.returns() };
    let mut outputs = attach(OPERATION, inputs.tensors(), outputs, Box::new(node))?;
    let own_log_probs = outputs.remove(1);
    Ok(Assignment { end_points: outputs.remove(0), own_log_probs })
}

/// The way to the prior as a node.
struct ToLatents<F> {
    trace: LatentTrace<F>,
    returns: Returns,
}

impl<F: Number> Differentiable for ToLatents<F> {
    fn backward(&self, cotangents: &[Option<Tensor>], _: &[bool]) -> Result<Vec<Option<Tensor>>, TorchError> {
        let Some(Some(cotangent)) = cotangents.first() else { return Ok(Vec::new()) };
        let cotangent = prepare::<F>(cotangent);
        let Some(gradients) = finite(counted(|| self.trace.vjp(view::<F>(&cotangent))))? else {
            return Ok(self.returns.not_finite());
        };
        let (points, anchors) = (tensor(&gradients.noise), tensor(&gradients.anchors));
        Ok(self.returns.in_order(anchors, points, &vector(&gradients.log_weights)))
    }
}

/// The way to the anchors as a node.
struct ToAnchors<F> {
    trace: AnchorTrace<F>,
    returns: Returns,
}

impl<F: Number> Differentiable for ToAnchors<F> {
    fn backward(&self, cotangents: &[Option<Tensor>], _: &[bool]) -> Result<Vec<Option<Tensor>>, TorchError> {
        let prepared: Vec<_> = cotangents.iter().map(|c| c.as_ref().map(prepare::<F>)).collect();
        let views = |index: usize| prepared.get(index).and_then(Option::as_ref).map(view::<F>);
        let Some(gradients) = finite(counted(|| self.trace.vjp(views(0), views(1))))? else {
            return Ok(self.returns.not_finite());
        };
        let (points, anchors) = (tensor(&gradients.latents), tensor(&gradients.anchors));
        Ok(self.returns.in_order(anchors, points, &vector(&gradients.log_weights)))
    }
}

/// Gradients, or none where they or the cotangents are not finite.
fn finite<T>(gradients: Result<T, LatentError>) -> Result<Option<T>, TorchError> {
    match gradients {
        Err(LatentError::NonFinite { .. } | LatentError::Overflow { .. }) => Ok(None),
        other => Ok(Some(other?)),
    }
}

fn anchors<F: Number>(zones: &Zones<'_>) -> Result<Anchors<F>, TorchError> {
    let points = prepare::<F>(zones.anchors);
    let anchors = Anchors::new(view::<F>(&points).to_owned())?;
    Ok(match zones.weights {
        Some(weights) => anchors.with_weights(super::check::to_f64(weights).into_iter().map(F::of).collect())?,
        None => anchors,
    })
}

fn indices(owners: &Tensor) -> Vec<usize> {
    super::check::to_i64(owners).into_iter().map(|owner| owner as usize).collect()
}

/// The same numbers without a graph, row by row in main memory, in the kind of computation.
fn prepare<F: Number>(matrix: &Tensor) -> Tensor {
    matrix.detach().to_kind(F::KIND).contiguous()
}

/// The numbers of a tensor that has been [`prepare`]d, where they are.
fn view<F: Number>(matrix: &Tensor) -> ArrayView2<'_, F> {
    let size = matrix.size();
    assert!(matrix.device() == Device::Cpu && matrix.kind() == F::KIND && matrix.is_contiguous());
    let &[rows, columns] = size.as_slice() else { return ArrayView2::from(&[] as &[[F; 0]]) };
    if matrix.numel() == 0 {
        return ArrayView2::from_shape((rows as usize, columns as usize), &[]).expect("no elements are needed");
    }
    // SAFETY: by the assertion the tensor holds `rows * columns` numbers of type F in a row in main memory, and by the branch
    // above at least one, so that the pointer is not null. The tensor is borrowed as long as the view lives, which keeps
    // its memory; nothing writes to it meanwhile, because it is known to this module alone or an input of an
    // operation that is running.
    unsafe { ArrayView2::from_shape_ptr((rows as usize, columns as usize), matrix.data_ptr() as *const F) }
}

/// A tensor of its own with these numbers.
fn tensor<F: Number>(matrix: &Array2<F>) -> Tensor {
    let (rows, columns) = matrix.dim();
    let standard = matrix.as_standard_layout();
    Tensor::from_slice(standard.as_slice().unwrap_or_default()).view([rows as i64, columns as i64])
}

fn vector<F: Number>(values: &Array1<F>) -> Tensor {
    Tensor::from_slice(values.as_slice().unwrap_or_default())
}
