//! An initial value problem: field, first state and span of time.

use lzn_torch::TorchError;
use tch::{Kind, Tensor};

use crate::path::require_shape;
use crate::{FlowError, VelocityField};

/// The field in double precision, with a count of its evaluations.
pub(super) struct Problem<'a, F> {
    field: &'a F,
    /// First state, float64.
    pub(super) start: Tensor,
    /// First and last time.
    pub(super) span: (f64, f64),
    shape: Vec<i64>,
    kind: Kind,
    evaluations: usize,
}

impl<'a, F: VelocityField> Problem<'a, F> {
    /// # Errors
    /// [`TorchError::Shape`] for a state without numbers.
    pub(super) fn new(field: &'a F, start: &Tensor, span: (f64, f64)) -> Result<Self, FlowError> {
        let shape = start.size();
        if shape.is_empty() || start.numel() == 0 {
            let expected = "[B, ...] with at least one number".to_owned();
            return Err(TorchError::Shape { operation: "sample", argument: "start", expected, got: shape }.into());
        }
        let kind = start.kind();
        Ok(Self { field, start: start.detach().to_kind(Kind::Double), span, shape, kind, evaluations: 0 })
    }

    /// How often the field was evaluated.
    pub(super) fn evaluations(&self) -> usize {
        self.evaluations
    }

    /// Velocity of the state `x`, of as many numbers as the first, in its shape. `times` is one time for all samples or one for
    /// each.
    pub(super) fn velocity(&mut self, x: &Tensor, times: &[f64]) -> Result<Tensor, FlowError> {
        self.evaluations += 1;
        let batch = self.shape[0];
        let t = Tensor::from_slice(times).to_device(x.device()).to_kind(self.kind).expand([batch], false);
        let velocity = self.field.velocity(&x.view(self.shape.as_slice()).to_kind(self.kind), &t)?;
        require_shape("sample", "velocity", &velocity, &self.shape)?;
        Ok(velocity.to_kind(Kind::Double).view(x.size().as_slice()))
    }
}
