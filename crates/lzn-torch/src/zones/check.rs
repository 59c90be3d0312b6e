//! Refusals before any arithmetic: shapes, kinds, owners, weights.

use lzn_latent::LatentError;
use tch::{Kind, Tensor};

use super::Zones;
use crate::TorchError;

/// Checks `anchors [N, d]`, `weights [N]` and `points [B, d]`.
pub(super) fn zones_and_points(
    operation: &'static str,
    zones: &Zones<'_>,
    argument: &'static str,
    points: &Tensor,
) -> Result<(), TorchError> {
    let size = zones.anchors.size();
    let &[anchors, dim] = size.as_slice() else {
        return Err(shape(operation, "anchors", "[N, d]".into(), zones.anchors));
    };
    if anchors == 0 {
        return Err(LatentError::NoAnchors { operation }.into());
    }
    if points.dim() != 2 || points.size()[1] != dim {
        return Err(shape(operation, argument, format!("[B, {dim}]"), points));
    }
    for (argument, tensor) in [("anchors", zones.anchors), (argument, points)] {
        if !tensor.is_floating_point() {
            let expected = format!("floating-point numbers, not {:?}", tensor.kind());
            return Err(shape(operation, argument, expected, tensor));
        }
    }
    match zones.weights {
        Some(weights) if weights.size() != [anchors] => {
            Err(shape(operation, "weights", format!("[{anchors}]"), weights))
        }
        Some(weights) => check_weights(operation, weights),
        None => Ok(()),
    }
}

fn check_weights(operation: &'static str, weights: &Tensor) -> Result<(), TorchError> {
    // `not (w >= 0)` also finds NaN.
    let values = to_f64(weights);
    if values.iter().all(|w| w.is_finite() && *w >= 0.0) && values.iter().any(|w| *w > 0.0) {
        return Ok(());
    }
    // The host's own check finds the words.
    let points = ndarray::Array2::<f64>::zeros((values.len(), 1));
    lzn_latent::Anchors::new(points)?.with_weights(values.into())?;
    Err(LatentError::NoWeight { operation }.into())
}

/// Checks `owners [B]`: int64, each the index of an anchor that has a zone.
pub(super) fn owners(
    operation: &'static str,
    owners: &Tensor,
    batch: i64,
    zones: &Zones<'_>,
) -> Result<(), TorchError> {
    if owners.size() != [batch] {
        return Err(shape(operation, "owners", format!("[{batch}]"), owners));
    }
    if owners.kind() != Kind::Int64 {
        return Err(shape(operation, "owners", format!("int64 indices, not {:?}", owners.kind()), owners));
    }
    let anchors = zones.anchors.size()[0];
    let values = to_i64(owners);
    if let Some(row) = values.iter().position(|owner| !(0..anchors).contains(owner)) {
        return Err(LatentError::Owner { operation, row, owner: values[row], anchors: anchors as usize }.into());
    }
    if let Some(weights) = zones.weights.map(to_f64)
        && let Some(row) = values.iter().position(|owner| weights[*owner as usize] == 0.0)
    {
        return Err(LatentError::EmptyZone { operation, row, owner: values[row] as usize }.into());
    }
    Ok(())
}

fn shape(operation: &'static str, argument: &'static str, expected: String, tensor: &Tensor) -> TorchError {
    TorchError::Shape { operation, argument, expected, got: tensor.size() }
}

pub(super) fn to_f64(tensor: &Tensor) -> Vec<f64> {
    let flat = tch::no_grad(|| tensor.to_kind(Kind::Double).to_device(tch::Device::Cpu).contiguous());
    let mut values = vec![0.0; flat.numel()];
    let n = values.len();
    flat.copy_data(&mut values, n);
    values
}

pub(super) fn to_i64(tensor: &Tensor) -> Vec<i64> {
    let flat = tensor.to_device(tch::Device::Cpu).contiguous();
    let mut values = vec![0; flat.numel()];
    let n = values.len();
    flat.copy_data(&mut values, n);
    values
}
