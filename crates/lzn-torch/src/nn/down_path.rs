//! The down path and the middle of an NCSN++ network.

use tch::Tensor;

use super::attention::SelfAttention;
use super::layers::Conv2d;
use super::layout::Layout;
use super::resample::Direction;
use super::residual::ResidualBlock;
use crate::TorchError;
use crate::params::Scope;

/// What a down path makes of an image.
#[derive(Debug)]
pub struct Features {
    /// One feature map for each of [`Layout::taps`].
    pub skips: Vec<Tensor>,
    /// The feature map after the middle blocks.
    pub middle: Tensor,
}

#[derive(Debug, Clone)]
struct DownLevel {
    blocks: Vec<(ResidualBlock, Option<SelfAttention>)>,
    /// The step to the next level and, with input skips, the 1x1 convolution of the downsampled input.
    step: Option<(ResidualBlock, Option<Conv2d>)>,
}

/// First convolution, levels of residual blocks with down-sampling between, and the middle: block, attention, block.
#[derive(Debug, Clone)]
pub struct DownPath {
    first: Conv2d,
    levels: Vec<DownLevel>,
    middle: (ResidualBlock, SelfAttention, ResidualBlock),
}

impl DownPath {
    /// Registers `first`, `down.LEVEL.*` and `middle.*`. With `embedding`, every block is conditioned on an embedding of that
    /// width.
    pub fn new(scope: &Scope, layout: &Layout, embedding: Option<i64>) -> Self {
        let style = &layout.style;
        let first = Conv2d::new(&(scope / "first"), layout.input_channels, layout.first_channels, 3, 1.0);
        let mut inputs = layout.first_channels;
        let levels = (0..layout.levels.len())
            .map(|i| {
                let built = DownLevel::new(&(scope / "down" / i), layout, i, inputs, embedding);
                inputs = layout.levels[i].channels;
                built
            })
            .collect();
        let middle = scope / "middle";
        let block = |name| ResidualBlock::new(&(&middle / name), style, (inputs, inputs), embedding, None);
        // Tuple fields are evaluated in order, which is the order of registration.
        let middle = (
            block("block0"),
            SelfAttention::new(&(&middle / "attention"), inputs, style.init_scale, style.skip_rescale),
            block("block1"),
        );
        Self { first, levels, middle }
    }

    /// `x` is `[B, input_channels, R, R]` after the stem; `embedding` is `[B, width]`, already activated.
    ///
    /// # Errors
    /// Those of [`ResidualBlock::forward`].
    pub fn forward(
        &self,
        x: &Tensor,
        embedding: Option<&Tensor>,
        layout: &Layout,
        train: bool,
    ) -> Result<Features, TorchError> {
        let style = &layout.style;
        let mut input = x.shallow_clone();
        let mut h = self.first.forward(x);
        let mut skips = vec![h.shallow_clone()];
        for level in &self.levels {
            for (block, attention) in &level.blocks {
                h = block.forward(&[&h], embedding, style, train)?;
                if let Some(attention) = attention {
                    h = attention.forward(&h);
                }
                skips.push(h.shallow_clone());
            }
            if let Some((step, combine)) = &level.step {
                h = step.forward(&[&h], embedding, style, train)?;
                if let Some(combine) = combine {
                    input = style.resampling.apply(&input, Direction::Down);
                    h += combine.forward(&input);
                }
                skips.push(h.shallow_clone());
            }
        }
        let (block0, attention, block1) = &self.middle;
        h = attention.forward(&block0.forward(&[&h], embedding, style, train)?);
        Ok(Features { skips, middle: block1.forward(&[&h], embedding, style, train)? })
    }
}

impl DownLevel {
    fn new(scope: &Scope, layout: &Layout, index: usize, inputs: i64, embedding: Option<i64>) -> Self {
        let (level, style) = (layout.levels[index], &layout.style);
        let channels = level.channels;
        let blocks = (0..layout.blocks)
            .map(|i| {
                let inputs = if i == 0 { inputs } else { channels };
                let name = scope / format!("block{i}");
                let block = ResidualBlock::new(&name, style, (inputs, channels), embedding, None);
                let name = scope / format!("attention{i}");
                let attention =
                    level.attention.then(|| SelfAttention::new(&name, channels, style.init_scale, style.skip_rescale));
                (block, attention)
            })
            .collect();
        let step = (index + 1 < layout.levels.len()).then(|| {
            let down = Some(Direction::Down);
            let block = ResidualBlock::new(&(scope / "step"), style, (channels, channels), embedding, down);
            let combine =
                layout.input_skip.then(|| Conv2d::new(&(scope / "combine"), layout.input_channels, channels, 1, 1.0));
            (block, combine)
        });
        Self { blocks, step }
    }
}
