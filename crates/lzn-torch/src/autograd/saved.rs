//! Tensors that are kept for the backward pass and must not change until then.

use tch::Tensor;

use crate::TorchError;

/// A tensor as the forward pass saw it. It shares the memory, and notices when somebody changes it in place, which would make
/// gradients wrong without a sign: libtorch does the same for its own operations.
#[derive(Debug)]
pub struct Saved {
    argument: &'static str,
    tensor: Tensor,
    version: i64,
}

impl Saved {
    /// Keeps `tensor` without its graph. `argument` is its name in messages.
    ///
    /// # Errors
    /// [`TorchError::Torch`] when the tensor is undefined.
    pub fn new(argument: &'static str, tensor: &Tensor) -> Result<Self, TorchError> {
        // Shares the counter of changes as well as the memory.
        let tensor = tensor.f_detach()?;
        let version = tensor.f_internal_version()?;
        Ok(Self { argument, tensor, version })
    }

    /// The tensor, without a graph.
    ///
    /// # Errors
    /// [`TorchError::Changed`] when it has been changed in place since.
    pub fn get(&self) -> Result<&Tensor, TorchError> {
        if self.tensor.f_internal_version()? == self.version {
            return Ok(&self.tensor);
        }
        Err(TorchError::Changed { argument: self.argument })
    }
}
