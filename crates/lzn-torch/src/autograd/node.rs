//! One operation in the graph: the caller's state, and what its gradients must look like.

use std::fmt;

use tch::{Device, Kind, Tensor};

use super::Differentiable;
use crate::TorchError;

/// Shape, kind and device, which a gradient shares with its input.
#[derive(PartialEq)]
struct Layout {
    size: Vec<i64>,
    kind: Kind,
    device: Device,
}

impl Layout {
    fn of(tensor: &Tensor) -> Result<Self, TorchError> {
        Ok(Self { size: tensor.size(), kind: tensor.f_kind()?, device: tensor.device() })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} on {:?}", self.kind, self.size, self.device)
    }
}

/// What the graph owns.
pub(super) struct Node {
    operation: &'static str,
    inputs: Vec<Layout>,
    state: Box<dyn Differentiable>,
}

impl Node {
    /// A node for an operation on `inputs`, which must be defined.
    pub(super) fn new(
        operation: &'static str,
        inputs: &[&Tensor],
        state: Box<dyn Differentiable>,
    ) -> Result<Self, TorchError> {
        let inputs = inputs.iter().map(|input| Layout::of(input)).collect::<Result<_, _>>()?;
        Ok(Self { operation, inputs, state })
    }

    /// The name for messages.
    pub(super) fn operation(&self) -> &'static str {
        self.operation
    }

    /// Runs the caller's backward pass and checks what it returns: one gradient or none for each input, `None` where it is not
    /// needed.
    pub(super) fn backward(
        &self,
        cotangents: &[Option<Tensor>],
        needed: &[bool],
    ) -> Result<Vec<Option<Tensor>>, TorchError> {
        let gradients = self
            .state
            .backward(cotangents, needed)
            .map_err(|error| self.refusal(format!("the backward pass failed: {error}")))?;
        if gradients.len() != self.inputs.len() {
            let (got, expected) = (gradients.len(), self.inputs.len());
            return Err(self.refusal(format!("the backward pass returned {got} gradients for {expected} inputs")));
        }
        let mut checked = Vec::with_capacity(gradients.len());
        for (index, gradient) in gradients.into_iter().enumerate() {
            let wanted = needed.get(index).copied().unwrap_or(false);
            let gradient = gradient.filter(|gradient| wanted && gradient.defined());
            if let Some(gradient) = &gradient {
                let (got, input) = (Layout::of(gradient)?, &self.inputs[index]);
                if got != *input {
                    let problem = format!("the gradient of input {index} is {got}, the input is {input}");
                    return Err(self.refusal(problem));
                }
            }
            checked.push(gradient);
        }
        Ok(checked)
    }

    fn refusal(&self, problem: String) -> TorchError {
        TorchError::Autograd { operation: self.operation, problem }
    }
}
