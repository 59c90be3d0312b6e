//! Tensors that clones of a network have in common.

use std::ops::Deref;

use tch::Tensor;

/// A tensor whose clones are the same tensor: they share its memory, its gradient and its place in the graph.
///
/// Layers hold their parameters so; a clone of a network is then another handle on the same parameters, which may go to where it is
/// run again, such as the backward pass of [`crate::autograd::recompute()`].
#[derive(Debug)]
pub struct Shared(Tensor);

impl Clone for Shared {
    fn clone(&self) -> Self {
        Self(self.0.shallow_clone())
    }
}

impl Deref for Shared {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.0
    }
}

impl From<Tensor> for Shared {
    fn from(tensor: Tensor) -> Self {
        Self(tensor)
    }
}
