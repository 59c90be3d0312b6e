//! What samplers and the loss need to know of a velocity network.

use tch::Tensor;

use crate::FlowError;

/// A velocity for every image and time.
///
/// Implemented for closures, through which a network gets its conditions:
///
/// ```
/// use lzn_flow::{FlowError, VelocityField};
/// use tch::Tensor;
///
/// let towards_zero = |x: &Tensor, _t: &Tensor| -> Result<Tensor, FlowError> { Ok(-x) };
/// let x = Tensor::ones([2, 3, 8, 8], (tch::Kind::Float, tch::Device::Cpu));
/// assert_eq!(towards_zero.velocity(&x, &Tensor::zeros([2], (tch::Kind::Float, tch::Device::Cpu)))?, -x);
/// # Ok::<(), FlowError>(())
/// ```
pub trait VelocityField {
    /// The velocity of every sample.
    ///
    /// # Shapes
    /// `x`: `[B, ...]` float32; `t`: `[B]` float32, image time in `[0, 1]`; result: as `x`.
    ///
    /// # Errors
    /// Whatever the field finds wrong with its arguments.
    fn velocity(&self, x: &Tensor, t: &Tensor) -> Result<Tensor, FlowError>;
}

impl<F: Fn(&Tensor, &Tensor) -> Result<Tensor, FlowError>> VelocityField for F {
    fn velocity(&self, x: &Tensor, t: &Tensor) -> Result<Tensor, FlowError> {
        self(x, t)
    }
}
