//! The rows of all processes, with a gradient.

use std::sync::Arc;

use tch::Tensor;

use super::group::{Group, Reduce};
use crate::TorchError;
use crate::autograd::{Differentiable, attach, records};

/// The rows of all processes in their order, `[size * n, ...]` of `[n, ...]`. The gradient of a process's rows is the sum of the
/// cotangents that all processes have of them.
pub(super) fn gather_rows(group: &Arc<Group>, rows: &Tensor) -> Result<Tensor, TorchError> {
    let all = tch::no_grad(|| group.all_gather(&rows.detach().contiguous()))?;
    if !records(&[rows]) {
        return Ok(all);
    }
    Ok(attach("gather_rows", &[rows], vec![all], Box::new(Gathered(Arc::clone(group))))?.remove(0))
}

struct Gathered(Arc<Group>);

impl Differentiable for Gathered {
    fn backward(&self, cotangents: &[Option<Tensor>], _: &[bool]) -> Result<Vec<Option<Tensor>>, TorchError> {
        let Some(Some(cotangent)) = cotangents.first() else { return Ok(vec![None]) };
        Ok(vec![Some(self.0.reduce_scatter(&cotangent.contiguous(), Reduce::Sum)?)])
    }
}
