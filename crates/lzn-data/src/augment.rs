//! Random changes of training images: flips and shifts.

use lzn_random::{Purpose, Stream};
use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis};
use serde::{Deserialize, Serialize};

use crate::{DataError, ImageShape};

/// Which random changes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Mirror left and right with probability 1/2. Published: on.
    pub flip: bool,
    /// Move by up to this many pixels, each of the two directions uniformly and on its own. Published: 0, none.
    pub shift: usize,
    /// What comes in at the border when an image is moved.
    pub padding: Padding,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self { flip: true, shift: 0, padding: Padding::Zero }
    }
}

impl AugmentConfig {
    /// No change at all.
    pub const NONE: Self = Self { flip: false, shift: 0, padding: Padding::Zero };
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

/// Random changes of images of one shape, fixed by seed, epoch, sample and view.
///
/// A sample is changed in the same way in whatever batch, step or worker thread it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Augment {
    config: AugmentConfig,
    seed: u64,
}

impl Augment {
    /// Checks that `config` suits images of the given shape.
    ///
    /// # Errors
    /// [`DataError::ShiftTooLarge`] when a shift could leave nothing of an image.
    pub fn new(config: AugmentConfig, seed: u64, shape: ImageShape) -> Result<Self, DataError> {
        let side = shape.height.min(shape.width);
        if config.shift > 0 && config.shift >= side {
            return Err(DataError::ShiftTooLarge { shift: config.shift, side });
        }
        Ok(Self { config, seed })
    }

    /// Changes one image, `[C, H, W]`, in place. Draws come from the stream `(seed, AUGMENT, [epoch, sample, view])`:
    /// views of one sample, numbered from 0, are changed independently of each other.
    pub fn apply(&self, mut image: ArrayViewMut3<'_, u8>, epoch: u64, sample: usize, view: u64) {
        let mut stream = Stream::new(self.seed, Purpose::AUGMENT, [epoch, sample as u64, view]);
        // Every number is drawn whether it is used or not, so that switching the flip on or off leaves the shifts
        // alone.
        let flip = stream.below(2) == 1;
        let [down, right] =
            [(); 2].map(|()| stream.below(2 * self.config.shift + 1) as isize - self.config.shift as isize);
        if self.config.flip && flip {
            flip_horizontally(image.view_mut());
        }
        if (down, right) != (0, 0) {
            let moved = shift_image(image.view(), down, right, self.config.padding);
            image.assign(&moved);
        }
    }
}

/// Mirrors an image, `[C, H, W]`, left and right in place.
pub fn flip_horizontally(mut image: ArrayViewMut3<'_, u8>) {
    for mut row in image.lanes_mut(Axis(2)) {
        let width = row.len();
        for column in 0..width / 2 {
            row.swap(column, width - 1 - column);
        }
    }
}

/// The image, `[C, H, W]`, moved `down` and to the `right` by so many pixels; negative numbers move up and to the left.
///
/// ```text
/// moved[c, y, x] = image[c, y - down, x - right]     inside the image, `padding` outside
/// ```
pub fn shift_image(image: ArrayView3<'_, u8>, down: isize, right: isize, padding: Padding) -> Array3<u8> {
    let source = |position: usize, offset: isize, length: usize| {
        let wanted = position as isize - offset;
        let nearest = wanted.clamp(0, length as isize - 1);
        (nearest as usize, wanted == nearest)
    };
    let (_, height, width) = image.dim();
    Array3::from_shape_fn(image.dim(), |(channel, y, x)| {
        let ((y, y_inside), (x, x_inside)) = (source(y, down, height), source(x, right, width));
        if padding == Padding::Edge || (y_inside && x_inside) { image[[channel, y, x]] } else { 0 }
    })
}
