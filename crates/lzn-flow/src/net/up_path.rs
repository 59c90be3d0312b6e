//! The way back to full resolution.

use lzn_torch::autograd::recompute;
use lzn_torch::nn::{
    BlockStyle, Conv2d, Direction, Features, GroupNorm, Layout, NetworkError, ResidualBlock, SelfAttention, Tap,
};
use lzn_torch::{Scope, Shared, TorchError};
use tch::Tensor;

/// Norm, SiLU, convolution to the channels of the output.
#[derive(Debug, Clone)]
struct Head {
    norm: GroupNorm,
    conv: Conv2d,
    parameters: Vec<Shared>,
}

impl Head {
    fn new(scope: &Scope, layout: &Layout, channels: i64) -> Self {
        let norm = GroupNorm::new(&(scope / "norm"), channels);
        let conv = Conv2d::new(&(scope / "conv"), channels, layout.input_channels, 3, layout.style.init_scale);
        Self { norm, conv, parameters: scope.trainable() }
    }

    fn forward(&self, h: &Tensor, style: &BlockStyle) -> Result<Tensor, TorchError> {
        if !style.recompute {
            return Ok(self.compute(h));
        }
        let head = self.clone();
        recompute("head", &[h], &self.parameters, move |h: &[Tensor]| Ok(head.compute(&h[0])))
    }

    fn compute(&self, h: &Tensor) -> Tensor {
        self.conv.forward(&self.norm.forward(h).silu())
    }
}

#[derive(Debug)]
struct UpLevel {
    blocks: Vec<ResidualBlock>,
    attention: Option<SelfAttention>,
    /// What this level adds to the output: every level with output skips, otherwise the finest alone.
    head: Option<Head>,
    step: Option<ResidualBlock>,
}

/// Levels from the coarsest to the finest: residual blocks, each of which takes a feature map of the down path as well,
/// attention, a head, up-sampling.
#[derive(Debug)]
pub(super) struct UpPath {
    levels: Vec<UpLevel>,
}

/// Checks that the joined feature maps of the up path can be normalised.
pub(super) fn check(layout: &Layout) -> Result<(), NetworkError> {
    joined_channels(layout).into_iter().flatten().try_for_each(Layout::check_groups)
}

/// Channels that enter each block, by level from the coarsest to the finest.
fn joined_channels(layout: &Layout) -> Vec<Vec<i64>> {
    let mut taps = layout.taps();
    let mut channels = layout.middle().channels;
    let mut join = |level_channels: i64| {
        let skip = taps.pop().map_or(0, |tap: Tap| tap.channels);
        let joined = channels + skip;
        channels = level_channels;
        joined
    };
    layout.levels.iter().rev().map(|level| (0..=layout.blocks).map(|_| join(level.channels)).collect()).collect()
}

impl UpPath {
    /// Registers `up.LEVEL.*`; levels are counted as in the down path.
    pub(super) fn new(scope: &Scope, layout: &Layout, embedding: i64, output_skip: bool) -> Self {
        let indices = (0..layout.levels.len()).rev();
        let levels = indices
            .zip(joined_channels(layout))
            .map(|(i, joined)| UpLevel::new(&(scope / "up" / i), layout, i, &joined, embedding, output_skip || i == 0))
            .collect();
        Self { levels }
    }

    /// Result `[B, input_channels, R, R]`, before the stem is undone. `embedding` is `[B, width]`, already activated.
    pub(super) fn forward(
        &self,
        features: Features,
        embedding: &Tensor,
        layout: &Layout,
        train: bool,
    ) -> Result<Tensor, TorchError> {
        let style = &layout.style;
        let Features { mut skips, middle: mut h } = features;
        let mut output: Option<Tensor> = None;
        for level in &self.levels {
            for block in &level.blocks {
                let skip = skips.pop();
                let parts: Vec<&Tensor> = [&h].into_iter().chain(&skip).collect();
                h = block.forward(&parts, Some(embedding), style, train)?;
            }
            if let Some(attention) = &level.attention {
                h = attention.forward(&h);
            }
            if let Some(head) = &level.head {
                let here = head.forward(&h, style)?;
                output = Some(match output {
                    Some(coarser) => style.resampling.apply(&coarser, Direction::Up) + here,
                    None => here,
                });
            }
            if let Some(step) = &level.step {
                h = step.forward(&[&h], Some(embedding), style, train)?;
            }
        }
        // The finest level always has a head.
        Ok(output.unwrap_or(h))
    }
}

impl UpLevel {
    fn new(scope: &Scope, layout: &Layout, index: usize, joined: &[i64], embedding: i64, head: bool) -> Self {
        let (level, style) = (layout.levels[index], &layout.style);
        let channels = level.channels;
        let block = |name: String, inputs, direction| {
            ResidualBlock::new(&(scope / name), style, (inputs, channels), Some(embedding), direction)
        };
        let blocks = joined.iter().enumerate().map(|(i, inputs)| block(format!("block{i}"), *inputs, None)).collect();
        let attention = level
            .attention
            .then(|| SelfAttention::new(&(scope / "attention"), channels, style.init_scale, style.skip_rescale));
        let head = head.then(|| Head::new(&(scope / "head"), layout, channels));
        let step = (index > 0).then(|| block("step".to_owned(), channels, Some(Direction::Up)));
        Self { blocks, attention, head, step }
    }
}
