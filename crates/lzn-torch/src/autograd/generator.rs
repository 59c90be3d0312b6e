//! The state of libtorch's own generator, from which dropout draws: kept, and put back where the same numbers are to be drawn again.

use std::ffi::c_void;

use tch::Tensor;
use torch_sys::C_tensor;

use super::ffi::{Report, keep_text};
use crate::TorchError;

unsafe extern "C" {
    /// The state of the generator of the device of the borrowed tensor, as a tensor on the heap that the caller owns; null after
    /// it has called `report`. Does not throw.
    fn lzn_generator_state(device_of: *const C_tensor, sink: *mut c_void, report: Report) -> *mut C_tensor;

    /// Puts a state of [`lzn_generator_state`] back; both tensors are borrowed. Returns whether it succeeded; if not, it has
    /// called `report`. Does not throw.
    fn lzn_generator_set_state(
        device_of: *const C_tensor,
        state: *const C_tensor,
        sink: *mut c_void,
        report: Report,
    ) -> bool;
}

/// Where the generator of one device stood.
#[derive(Debug)]
pub(super) struct GeneratorState(Tensor);

impl GeneratorState {
    /// The present state of the generator of the device that `tensor` is on.
    pub(super) fn of(tensor: &Tensor) -> Result<Self, TorchError> {
        let mut message = String::new();
        // SAFETY: the tensor is live until after the call; `sink` is a `String` that outlives it, which is what `keep_text` expects.
        let state = unsafe { lzn_generator_state(tensor.as_ptr(), (&raw mut message).cast(), keep_text) };
        if state.is_null() {
            return Err(refusal(message));
        }
        // SAFETY: the shim made it with `new at::Tensor` for us, and nobody else has it.
        Ok(Self(unsafe { Tensor::from_ptr(state) }))
    }

    /// Lets that generator go on from here.
    pub(super) fn restore(&self, tensor: &Tensor) -> Result<(), TorchError> {
        let mut message = String::new();
        // SAFETY: as in `of`; the state is borrowed as well.
        let restored =
            unsafe { lzn_generator_set_state(tensor.as_ptr(), self.0.as_ptr(), (&raw mut message).cast(), keep_text) };
        if restored { Ok(()) } else { Err(refusal(message)) }
    }
}

fn refusal(problem: String) -> TorchError {
    TorchError::Autograd { operation: "state of the random generator", problem }
}
