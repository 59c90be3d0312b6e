//! The straight path between image and noise, and the loss on it.

use lzn_torch::TorchError;
use tch::{Reduction, Tensor};

use crate::{FlowError, VelocityField};

/// Rectified Flow (Liu et al. 2022, equation 1).
///
/// Times run from `t_min`, just after the noise, to 1, the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RectifiedFlow {
    /// Where times start, in `[0, 1)`. At 0 the Fourier time embedding, a logarithm, does not exist. Published: 1e-3.
    pub t_min: f64,
}

impl Default for RectifiedFlow {
    fn default() -> Self {
        Self { t_min: 1e-3 }
    }
}

impl RectifiedFlow {
    /// Times from uniform draws: `t_min + (1 - t_min) u`, for `u` in `[0, 1)` of any shape.
    pub fn times(&self, uniform: &Tensor) -> Tensor {
        uniform * (1.0 - self.t_min) + self.t_min
    }

    /// The points `x_t = t image + (1 - t) noise`.
    ///
    /// # Shapes
    /// `image`, `noise` and result: `[B, ...]`; `t`: `[B]`, in `[0, 1]`.
    ///
    /// # Errors
    /// [`TorchError::Shape`] when the shapes disagree.
    pub fn interpolate(&self, image: &Tensor, noise: &Tensor, t: &Tensor) -> Result<Tensor, FlowError> {
        const OPERATION: &str = "interpolate";
        let size = image.size();
        let batch = size.first().copied().unwrap_or(0);
        require_shape(OPERATION, "noise", noise, &size)?;
        require_shape(OPERATION, "t", t, &[batch])?;
        let mut column = vec![1; size.len()];
        column[0] = batch;
        Ok(noise.lerp_tensor(image, &t.view(column.as_slice())))
    }

    /// The mean of `(velocity(x_t, t) - (image - noise))^2` over all numbers, a scalar.
    ///
    /// # Shapes
    /// As in [`RectifiedFlow::interpolate`].
    ///
    /// # Errors
    /// [`TorchError::Shape`] when the shapes disagree, and those of the field.
    pub fn loss(
        &self,
        field: &impl VelocityField,
        image: &Tensor,
        noise: &Tensor,
        t: &Tensor,
    ) -> Result<Tensor, FlowError> {
        let x = self.interpolate(image, noise, t)?;
        let velocity = field.velocity(&x, t)?;
        require_shape("loss", "velocity", &velocity, &image.size())?;
        Ok(velocity.mse_loss(&(image - noise), Reduction::Mean))
    }
}

/// Refuses a tensor of another shape.
pub(crate) fn require_shape(
    operation: &'static str,
    argument: &'static str,
    tensor: &Tensor,
    expected: &[i64],
) -> Result<(), TorchError> {
    let got = tensor.size();
    if got == expected {
        return Ok(());
    }
    Err(TorchError::Shape { operation, argument, expected: format!("{expected:?}"), got })
}
