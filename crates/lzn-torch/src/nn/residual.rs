//! The residual block of BigGAN, as NCSN++ uses it.

use tch::Tensor;

use super::layers::{Conv2d, GroupNorm, Linear};
use super::layout::BlockStyle;
use super::resample::Direction;
use crate::autograd::recompute;
use crate::params::Scope;
use crate::{Shared, TorchError};

/// `x + h`, divided by `sqrt(2)` when `skip_rescale`, so that the variance of two equal terms stays.
pub fn residual_sum(x: &Tensor, h: &Tensor, skip_rescale: bool) -> Tensor {
    let mut sum = x + h;
    // Scaling by a constant keeps nothing for the gradient, so the sum's own memory can be reused.
    if skip_rescale { sum.g_mul_scalar_(std::f64::consts::FRAC_1_SQRT_2) } else { sum }
}

/// Norm, SiLU, (resample,) convolution, (+ embedding,) norm, SiLU, dropout, convolution; added to the input, which passes a 1x1
/// convolution when its channels or size change.
#[derive(Debug, Clone)]
pub struct ResidualBlock {
    norm0: GroupNorm,
    conv0: Conv2d,
    embedding: Option<Linear>,
    norm1: GroupNorm,
    conv1: Conv2d,
    shortcut: Option<Conv2d>,
    direction: Option<Direction>,
    parameters: Vec<Shared>,
}

impl ResidualBlock {
    /// Registers `norm0`, `conv0`, `embedding` (when the block is conditioned on one of that width), `norm1`, `conv1` and
    /// `shortcut` (when needed).
    pub fn new(
        scope: &Scope,
        style: &BlockStyle,
        (inputs, outputs): (i64, i64),
        embedding: Option<i64>,
        direction: Option<Direction>,
    ) -> Self {
        let norm0 = GroupNorm::new(&(scope / "norm0"), inputs);
        let conv0 = Conv2d::new(&(scope / "conv0"), inputs, outputs, 3, 1.0);
        let embedding = embedding.map(|width| Linear::new(&(scope / "embedding"), width, outputs));
        let norm1 = GroupNorm::new(&(scope / "norm1"), outputs);
        let conv1 = Conv2d::new(&(scope / "conv1"), outputs, outputs, 3, style.init_scale);
        let shortcut = (inputs != outputs || direction.is_some())
            .then(|| Conv2d::new(&(scope / "shortcut"), inputs, outputs, 1, 1.0));
        Self { norm0, conv0, embedding, norm1, conv1, shortcut, direction, parameters: scope.trainable() }
    }

    /// `[B, inputs, H, W]` to `[B, outputs, H', W']`. The input is given in parts whose channels are joined; `embedding` is
    /// `[B, width]`, already activated.
    ///
    /// # Errors
    /// [`TorchError::Autograd`] if libtorch refuses to run the block again in the backward pass.
    pub fn forward(
        &self,
        parts: &[&Tensor],
        embedding: Option<&Tensor>,
        style: &BlockStyle,
        train: bool,
    ) -> Result<Tensor, TorchError> {
        let count = parts.len();
        if !style.recompute {
            return Ok(self.compute(&joined(parts), embedding, style, train));
        }
        let inputs: Vec<&Tensor> = parts.iter().copied().chain(embedding).collect();
        let (block, style) = (self.clone(), style.clone());
        // The parts are joined inside, so that only they are kept, which others keep as well.
        let run = move |inputs: &[Tensor]| {
            let (parts, embedding) = inputs.split_at(count);
            Ok(block.compute(&joined(parts), embedding.first(), &style, train))
        };
        recompute("residual block", &inputs, &self.parameters, run)
    }

    fn compute(&self, x: &Tensor, embedding: Option<&Tensor>, style: &BlockStyle, train: bool) -> Tensor {
        let mut h = self.norm0.forward(x).silu();
        let mut x = x.shallow_clone();
        if let Some(direction) = self.direction {
            h = style.resampling.apply(&h, direction);
            x = style.resampling.apply(&x, direction);
        }
        h = self.conv0.forward(&h);
        if let (Some(layer), Some(embedding)) = (&self.embedding, embedding) {
            h = h.g_add_(&layer.forward(embedding).unsqueeze(-1).unsqueeze(-1));
        }
        h = self.norm1.forward(&h).silu();
        if style.dropout > 0.0 {
            h = h.dropout(style.dropout, train);
        }
        h = self.conv1.forward(&h);
        if let Some(shortcut) = &self.shortcut {
            x = shortcut.forward(&x);
        }
        residual_sum(&x, &h, style.skip_rescale)
    }
}

/// Feature maps as one, channels after channels.
fn joined<T: std::borrow::Borrow<Tensor>>(parts: &[T]) -> Tensor {
    match parts {
        [one] => one.borrow().shallow_clone(),
        many => Tensor::cat(many, 1),
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::nn::Resampling;
    use crate::params::ParamStore;

    #[test]
    fn with_published_first_values_a_block_passes_its_input_on() {
        // The last convolution starts at (almost) zero, so only the shortcut is left.
        let x = (Tensor::arange(2 * 8 * 4 * 4, (Kind::Float, Device::Cpu)) * 0.9).cos().view([2, 8, 4, 4]);
        for skip_rescale in [false, true] {
            let style = BlockStyle {
                dropout: 0.0,
                skip_rescale,
                init_scale: 0.0,
                resampling: Resampling::Plain,
                recompute: false,
            };
            let store = ParamStore::new(Device::Cpu, 0);
            let block = ResidualBlock::new(&store.root(), &style, (8, 8), None, None);
            let expected = if skip_rescale { &x / 2f64.sqrt() } else { x.shallow_clone() };
            assert!(block.forward(&[&x], None, &style, false).unwrap().allclose(&expected, 1e-3, 1e-3, false));
        }
    }

    #[test]
    fn a_block_does_not_write_into_its_input() {
        let x = (Tensor::arange(2 * 8 * 4 * 4, (Kind::Float, Device::Cpu)) * 0.9).cos().view([2, 8, 4, 4]);
        let before = x.copy();
        for direction in [None, Some(Direction::Up), Some(Direction::Down)] {
            let style = BlockStyle {
                dropout: 0.5,
                skip_rescale: true,
                init_scale: 1.0,
                resampling: Resampling::Plain,
                recompute: false,
            };
            let block = ResidualBlock::new(&ParamStore::new(Device::Cpu, 0).root(), &style, (8, 8), Some(3), direction);
            let _ = block.forward(&[&x], Some(&Tensor::ones([2, 3], (Kind::Float, Device::Cpu))), &style, true);
            assert_eq!(x, before, "{direction:?}");
        }
    }
}
