//! From options to a checked plan of levels and channels.

use tch::Device;

use super::error::NetworkError;
use super::layers::GroupNorm;
use super::resample::Resampling;
use super::stem::SpaceToDepth;

/// Size of square images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// Pixels along each side.
    pub size: usize,
    /// Colour channels.
    pub channels: usize,
}

/// The options that decoder and encoder share, under their published names.
#[derive(Debug, Clone, PartialEq)]
pub struct BackboneOptions<'a> {
    /// Channels of the first level.
    pub nf: usize,
    /// Channels of each level as multiples of `nf`; one entry per level, each level at half the resolution of the one before.
    pub ch_mult: &'a [usize],
    /// Residual blocks per level of the down path.
    pub num_res_blocks: usize,
    /// Resolutions of feature maps at which attention follows each block.
    pub attn_resolutions: &'a [usize],
    /// Probability of dropout inside residual blocks, in `[0, 1)`.
    pub dropout: f64,
    /// Taps of the resampling filter; `None` for plain averaging and repetition.
    pub fir_kernel: Option<&'a [f64]>,
    /// Whether the downsampled input is added to each level.
    pub input_skip: bool,
    /// Whether residual sums are divided by `sqrt(2)`.
    pub skip_rescale: bool,
    /// Scale of the first values of the last convolution of each block.
    pub init_scale: f64,
    /// Pixels along each side of the patches of the space-to-depth stem; 1 for none.
    pub patch_size: usize,
    /// Whether the backward pass computes the insides of blocks anew.
    pub recompute: bool,
}

/// What all blocks of a network have in common.
#[derive(Debug, Clone)]
pub struct BlockStyle {
    /// Probability of dropout.
    pub dropout: f64,
    /// Whether residual sums are divided by `sqrt(2)`.
    pub skip_rescale: bool,
    /// Scale of the first values of the last layer of a block.
    pub init_scale: f64,
    /// How resolutions change.
    pub resampling: Resampling,
    /// Whether the backward pass computes the insides of blocks anew ([`crate::autograd::recompute()`]) instead of keeping them: less
    /// memory, one more forward pass, the same gradients up to rounding.
    pub recompute: bool,
}

/// One resolution of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Channels of its feature maps.
    pub channels: i64,
    /// Pixels along each side of its feature maps.
    pub resolution: i64,
    /// Whether attention follows its blocks.
    pub attention: bool,
}

/// A feature map that the down path hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tap {
    /// Channels.
    pub channels: i64,
    /// Pixels along each side.
    pub resolution: i64,
}

/// A plan that can be built: what remains of [`BackboneOptions`] after all checks.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Levels from the finest to the coarsest; at least one.
    pub levels: Vec<Level>,
    /// Blocks per level of the down path.
    pub blocks: usize,
    /// What all blocks have in common.
    pub style: BlockStyle,
    /// Whether the downsampled input is added to each level.
    pub input_skip: bool,
    /// The stem.
    pub stem: SpaceToDepth,
    /// Channels that the first convolution makes.
    pub first_channels: i64,
    /// Channels that the first convolution takes: colours times pixels of a patch.
    pub input_channels: i64,
}

impl Layout {
    /// Checks `options` for images of this shape.
    ///
    /// # Errors
    /// [`NetworkError`] naming the key that cannot be.
    pub fn new(options: &BackboneOptions, image: ImageShape, device: Device) -> Result<Self, NetworkError> {
        check_numbers(options, image)?;
        let halvings = options.ch_mult.len() - 1;
        if halvings >= 32 || !image.size.is_multiple_of(options.patch_size << halvings) {
            return Err(NetworkError::ImageSize { size: image.size, patch_size: options.patch_size, halvings });
        }
        let level = |(i, mult): (usize, &usize)| {
            let resolution = (image.size / options.patch_size) >> i;
            let attention = options.attn_resolutions.contains(&resolution);
            Level { channels: (options.nf * mult) as i64, resolution: resolution as i64, attention }
        };
        let levels: Vec<Level> = options.ch_mult.iter().enumerate().map(level).collect();
        levels.iter().try_for_each(|level| Self::check_groups(level.channels))?;
        Self::check_groups(options.nf as i64)?;
        let resampling = options.fir_kernel.map_or(Resampling::Plain, |taps| Resampling::fir(taps, device));
        let layout = Self {
            levels,
            blocks: options.num_res_blocks,
            style: BlockStyle {
                dropout: options.dropout,
                skip_rescale: options.skip_rescale,
                init_scale: options.init_scale,
                resampling,
                recompute: options.recompute,
            },
            input_skip: options.input_skip,
            stem: SpaceToDepth::new(options.patch_size as i64),
            first_channels: options.nf as i64,
            input_channels: (image.channels * options.patch_size * options.patch_size) as i64,
        };
        layout.check_resolutions("attn_resolutions", options.attn_resolutions)?;
        Ok(layout)
    }

    /// Refuses a list of resolutions, given under `key`, that names one which no level has.
    ///
    /// # Errors
    /// [`NetworkError::Resolution`].
    pub fn check_resolutions(&self, key: &'static str, wanted: &[usize]) -> Result<(), NetworkError> {
        let reached: Vec<usize> = self.levels.iter().map(|level| level.resolution as usize).collect();
        match wanted.iter().find(|resolution| !reached.contains(resolution)) {
            Some(&resolution) => Err(NetworkError::Resolution { key, resolution, reached }),
            None => Ok(()),
        }
    }

    /// Refuses channels that [`GroupNorm`] cannot divide.
    ///
    /// # Errors
    /// [`NetworkError::Groups`].
    pub fn check_groups(channels: i64) -> Result<(), NetworkError> {
        let channels = channels as usize;
        let groups = GroupNorm::groups(channels);
        let divides = groups > 0 && channels.is_multiple_of(groups);
        if divides { Ok(()) } else { Err(NetworkError::Groups { channels, groups }) }
    }

    /// The feature maps of the down path in order: first convolution, then per level its blocks and, but for the last level,
    /// its down-sampling. The middle is not among them.
    pub fn taps(&self) -> Vec<Tap> {
        let mut taps = vec![Tap { channels: self.first_channels, resolution: self.levels[0].resolution }];
        for (i, level) in self.levels.iter().enumerate() {
            let tap = Tap { channels: level.channels, resolution: level.resolution };
            taps.extend(std::iter::repeat_n(tap, self.blocks));
            if let Some(next) = self.levels.get(i + 1) {
                taps.push(Tap { channels: level.channels, resolution: next.resolution });
            }
        }
        taps
    }

    /// The middle, at the coarsest level.
    pub fn middle(&self) -> Tap {
        let last = self.levels[self.levels.len() - 1];
        Tap { channels: last.channels, resolution: last.resolution }
    }
}

fn check_numbers(options: &BackboneOptions, image: ImageShape) -> Result<(), NetworkError> {
    let at_least_one = |key, value: usize| NetworkError::require(key, value as f64, value >= 1, "be at least 1");
    at_least_one("image size", image.size)?;
    at_least_one("image channels", image.channels)?;
    at_least_one("patch_size", options.patch_size)?;
    at_least_one("nf", options.nf)?;
    at_least_one("num_res_blocks", options.num_res_blocks)?;
    if options.ch_mult.is_empty() {
        return Err(NetworkError::Empty { key: "ch_mult", remedy: "give one multiple of `nf` per level" });
    }
    options.ch_mult.iter().try_for_each(|mult| at_least_one("ch_mult", *mult))?;
    NetworkError::require("dropout", options.dropout, (0.0..1.0).contains(&options.dropout), "lie in [0, 1)")?;
    NetworkError::require(
        "init_scale",
        options.init_scale,
        (0.0..f64::INFINITY).contains(&options.init_scale),
        "be finite and >= 0",
    )?;
    let Some(taps) = options.fir_kernel else { return Ok(()) };
    let (count, sum) = (taps.len(), taps.iter().sum::<f64>());
    NetworkError::require(
        "fir_kernel",
        count as f64,
        count >= 2 && count.is_multiple_of(2),
        "have an even number of taps, at least 2",
    )?;
    NetworkError::require("fir_kernel", sum, sum.is_finite() && sum != 0.0, "have taps with a finite sum other than 0")
}
