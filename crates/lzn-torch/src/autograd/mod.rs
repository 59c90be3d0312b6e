//! Differentiable operations whose forward and backward pass are Rust: one node in libtorch's graph instead of one for each step.
//!
//! An operation computes its outputs without a graph, keeps in a state of its own what the backward pass needs, and calls
//! [`attach`]. The graph owns the state and frees it when libtorch frees what its own operations save: after the backward pass,
//! unless the graph is kept, or when the last output is gone.
//!
//! ```
//! use lzn_torch::TorchError;
//! use lzn_torch::autograd::{Differentiable, Saved, attach, records};
//! use tch::Tensor;
//!
//! /// `x²`, whose gradient is `2 x`.
//! struct Square(Saved);
//!
//! impl Differentiable for Square {
//!     fn backward(&self, cotangents: &[Option<Tensor>], _: &[bool]) -> Result<Vec<Option<Tensor>>, TorchError> {
//!         let x = self.0.get()?;
//!         Ok(vec![cotangents[0].as_ref().map(|cotangent| cotangent * x * 2.0)])
//!     }
//! }
//!
//! fn square(x: &Tensor) -> Result<Tensor, TorchError> {
//!     let y = tch::no_grad(|| x * x);
//!     if !records(&[x]) {
//!         return Ok(y);
//!     }
//!     let mut outputs = attach("square", &[x], vec![y], Box::new(Square(Saved::new("x", x)?)))?;
//!     Ok(outputs.remove(0))
//! }
//!
//! let x = Tensor::from_slice(&[1.0, 2.0, 3.0]).set_requires_grad(true);
//! square(&x)?.sum(tch::Kind::Double).f_backward()?;
//! assert_eq!(Vec::<f64>::try_from(x.grad())?, [2.0, 4.0, 6.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # First derivatives only
//! With `create_graph`, gradients of such an operation carry a history that fails when it is followed, with a message that names
//! the operation. Unlike PyTorch's `once_differentiable` it also does so where only the inputs, not the incoming gradient, depend
//! on what the second derivative is asked for.
//!
//! # Threads and devices
//! libtorch runs the backward pass of CPU tensors on the thread that asked for it, and that of CUDA tensors on a thread of its own
//! for each device; the last reference to a graph may go away on any thread. So the state is [`Send`]. One state is never used by
//! two threads at once, so it need not be `Sync`.
//!
//! On a GPU, before it calls [`Differentiable::backward`], the engine makes the device of the outputs current, and on it the stream
//! that was current when [`attach`] was called. Operations on tensors then need no care: each finds the device of its arguments, and
//! the engine orders streams between nodes. A backward pass that launches kernels of its own must launch them on the current stream;
//! one that copies to the host waits for the stream. Call [`attach`] under the stream that computed the outputs. Settings that
//! belong to a thread, such as [`tch::set_num_threads`], are not those of the caller on a device's thread.

mod ffi;
mod generator;
mod node;
mod pieces;
mod recompute;
mod saved;

use tch::Tensor;

use crate::TorchError;
use node::Node;
pub use pieces::sum_of_pieces;
pub use recompute::recompute;
pub use saved::Saved;

/// The backward pass of one operation, and whatever it has to remember.
///
/// Keep tensors as [`Saved`], or at least detached: a tensor with a graph would keep that graph alive.
pub trait Differentiable: Send {
    /// From cotangents of the outputs to cotangents of the inputs, in the order in which [`attach`] was given them.
    ///
    /// A cotangent is `None` where the output does not reach the loss; at least one is there. `needed` says which inputs a gradient
    /// will be used for; others may be `None`, as may gradients that are zero. Each gradient has shape, kind and device of its
    /// input. Runs without recording, and again for each backward pass over a graph that is kept.
    ///
    /// # Errors
    /// An error, or a panic, ends the backward pass with an error of libtorch that holds its message (`f_backward` of [`Tensor`]
    /// returns it). After a panic the state is still there, so one that changes itself must keep itself valid.
    fn backward(&self, cotangents: &[Option<Tensor>], needed: &[bool]) -> Result<Vec<Option<Tensor>>, TorchError>;
}

/// Whether [`attach`] would record an operation on these inputs: grad mode is on, and one of them requires a gradient.
/// Where it would not, the operation has nothing to save.
pub fn records(inputs: &[&Tensor]) -> bool {
    ffi::records(inputs)
}

/// Makes `outputs`, computed from `inputs` without a graph, differentiable by `state`.
///
/// `operation` names the node in messages. Every tensor that a gradient is to flow to must be among `inputs`. If nothing is to be
/// recorded (see [`records`]), the outputs come back as they are, and the state is dropped. Outputs of integers get no gradient.
/// The state may hold the raw outputs: what comes back are other tensors on the same memory.
///
/// # Errors
/// [`TorchError::Autograd`] when a tensor is undefined, when an output already has a graph or shares its memory with an input or
/// another output, or when libtorch refuses. The state is dropped.
pub fn attach(
    operation: &'static str,
    inputs: &[&Tensor],
    mut outputs: Vec<Tensor>,
    state: Box<dyn Differentiable>,
) -> Result<Vec<Tensor>, TorchError> {
    let refusal = |problem: String| TorchError::Autograd { operation, problem };
    if let Some(index) = inputs.iter().position(|input| !input.defined()) {
        return Err(refusal(format!("input {index} is undefined")));
    }
    if let Some(index) = outputs.iter().position(|output| !output.defined()) {
        return Err(refusal(format!("output {index} is undefined")));
    }
    if let Some(index) = outputs.iter().position(Tensor::requires_grad) {
        return Err(refusal(format!("output {index} already has a graph: compute it in `tch::no_grad`")));
    }
    ffi::attach(inputs, &mut outputs, Node::new(operation, inputs, state)?).map_err(refusal)?;
    Ok(outputs)
}
