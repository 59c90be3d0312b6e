//! Which random changes are made: plain data, with the published values as defaults.

use serde::{Deserialize, Serialize};

use crate::{DataError, ImageShape};

/// Which random changes are made, in this order: crop, flip, shift, jitter, grey, blur.
///
/// For two views as published (paper, Appendix D.3, after SimCLR, Chen et al. 2020), [`AugmentConfig::VIEWS`]; in a
/// configuration
///
/// ```toml
/// [data.augment]
/// flip = true
/// crop = {}
/// jitter = {}
/// grey = 0.2
/// blur = {}
/// ```
///
/// where what a table leaves out has its published value. Without its table, a change is not made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Mirror left and right with probability 1/2. Published: on.
    pub flip: bool,
    /// Move by up to this many pixels, each of the two directions uniformly and on its own. Published: 0, none.
    pub shift: usize,
    /// What comes in at the border when an image is moved.
    pub padding: Padding,
    /// Cut out a random part of the whole image and bring it to the size of the data set. Published: for two views.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<CropConfig>,
    /// Change the colours at random. Published: for two views.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<JitterConfig>,
    /// Take the colour away with this probability, 0 to 1. Published: 0.2 for two views.
    #[serde(skip_serializing_if = "is_zero")]
    pub grey: f64,
    /// Blur at random. Published: for two views.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blur: Option<BlurConfig>,
}

/// As asked for by serde, so that configurations without the change keep their text.
fn is_zero(probability: &f64) -> bool {
    *probability == 0.0
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self { flip: true, ..Self::NONE }
    }
}

impl AugmentConfig {
    /// No change at all.
    pub const NONE: Self =
        Self { flip: false, shift: 0, padding: Padding::Zero, crop: None, jitter: None, grey: 0.0, blur: None };

    /// The changes that make two views as published, for images of 224 pixels.
    pub const VIEWS: Self = Self {
        flip: true,
        crop: Some(CropConfig::PUBLISHED),
        jitter: Some(JitterConfig::PUBLISHED),
        grey: 0.2,
        blur: Some(BlurConfig::PUBLISHED),
        ..Self::NONE
    };

    /// Whether no image is ever changed, so that all views of it are equal.
    pub fn is_none(&self) -> bool {
        Self { padding: Self::NONE.padding, ..*self } == Self::NONE
    }

    /// Checks that the changes suit images of the given shape.
    pub(super) fn check(&self, shape: ImageShape) -> Result<(), DataError> {
        let side = shape.height.min(shape.width);
        if self.shift > 0 && self.shift >= side {
            return Err(DataError::ShiftTooLarge { shift: self.shift, side });
        }
        probability("grey", self.grey)?;
        if let Some(CropConfig { area, ratio, .. }) = self.crop {
            range("crop.area", area, "rise from above 0 to at most 1", |[low, high]| low > 0.0 && high <= 1.0)?;
            range("crop.ratio", ratio, "rise from above 0 to a finite ratio", |[low, high]| {
                low > 0.0 && high < f64::INFINITY
            })?;
        }
        if let Some(jitter) = self.jitter {
            probability("jitter.probability", jitter.probability)?;
            let JitterConfig { brightness, contrast, saturation, hue, .. } = jitter;
            for (key, strength) in [("brightness", brightness), ("contrast", contrast), ("saturation", saturation)] {
                let fits = strength.is_finite() && strength >= 0.0;
                require(fits, &format!("jitter.{key}"), "be finite and not negative", strength)?;
            }
            require((0.0..=0.5).contains(&hue), "jitter.hue", "lie in 0..=0.5", hue)?;
        }
        if let Some(BlurConfig { probability: blurred, kernel, sigma }) = self.blur {
            probability("blur.probability", blurred)?;
            range("blur.sigma", sigma, "rise from above 0 to a finite width", |[low, high]| {
                low > 0.0 && high < f64::INFINITY
            })?;
            require(kernel % 2 == 1, "blur.kernel", "be odd", kernel as f64)?;
            let fits = kernel / 2 < side;
            require(fits, "blur.kernel", &format!("be below twice the image side of {side} pixels"), kernel as f64)?;
        }
        Ok(())
    }
}

/// A random resized crop: a part of the whole image, brought to the size of the data set without aliasing.
///
/// Ten rectangles are drawn, their area uniformly in `area` and the logarithm of their ratio uniformly in that of
/// `ratio`; the first that fits into the image is placed uniformly. When none fits, the largest part of the image in
/// the middle whose ratio lies within bounds is taken. These are torchvision's rules.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CropConfig {
    /// Least and greatest share of the image's area, in (0, 1]. Published: 0.08 to 1.
    pub area: [f64; 2],
    /// Least and greatest ratio of width to height. Published: 3/4 to 4/3.
    pub ratio: [f64; 2],
}

impl CropConfig {
    /// The published values.
    pub const PUBLISHED: Self = Self { area: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] };
}

impl Default for CropConfig {
    fn default() -> Self {
        Self::PUBLISHED
    }
}

/// Random changes of brightness, contrast, saturation and hue, in random order.
///
/// The factor of the first three is uniform in `max(0, 1 - strength)..1 + strength`, that of the hue uniform in
/// `-hue..hue`. A strength of 0 leaves its change out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JitterConfig {
    /// Probability that colours are changed at all. Published: 0.8.
    pub probability: f64,
    /// Strength of [`brightness`](crate::transform::brightness), not negative. Published: 0.8.
    pub brightness: f64,
    /// Strength of [`contrast`](crate::transform::contrast), not negative. Published: 0.8.
    pub contrast: f64,
    /// Strength of [`saturation`](crate::transform::saturation), not negative. Published: 0.8.
    pub saturation: f64,
    /// Strength of [`hue`](crate::transform::hue), in turns, 0 to 1/2. Published: 0.2.
    pub hue: f64,
}

impl JitterConfig {
    /// The published values.
    pub const PUBLISHED: Self = Self { probability: 0.8, brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2 };
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self::PUBLISHED
    }
}

/// A Gaussian blur of random width.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlurConfig {
    /// Probability of blurring. Published: always. (SimCLR's own figure is 1/2.)
    pub probability: f64,
    /// Width of the kernel in pixels, odd, at most twice the side of the images. Published: 23, a tenth of 224.
    pub kernel: usize,
    /// Least and greatest standard deviation, in pixels, between which it is uniform. Published: 0.1 to 2.
    pub sigma: [f64; 2],
}

impl BlurConfig {
    /// The published values.
    pub const PUBLISHED: Self = Self { probability: 1.0, kernel: 23, sigma: [0.1, 2.0] };
}

impl Default for BlurConfig {
    fn default() -> Self {
        Self::PUBLISHED
    }
}

/// What lies outside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Zeros: black.
    Zero,
    /// The nearest pixel of the image.
    Edge,
}

fn require(fits: bool, key: &str, rule: &str, got: f64) -> Result<(), DataError> {
    if fits {
        return Ok(());
    }
    Err(DataError::AugmentValue { key: key.to_owned(), rule: rule.to_owned(), got: got.to_string() })
}

fn probability(key: &str, value: f64) -> Result<(), DataError> {
    require((0.0..=1.0).contains(&value), key, "lie in 0..=1", value)
}

fn range(key: &str, bounds: [f64; 2], rule: &str, within: impl Fn([f64; 2]) -> bool) -> Result<(), DataError> {
    if bounds[0] <= bounds[1] && within(bounds) {
        return Ok(());
    }
    let got = format!("{bounds:?}");
    Err(DataError::AugmentValue { key: key.to_owned(), rule: rule.to_owned(), got })
}
