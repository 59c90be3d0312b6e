//! Random changes of training images.

mod changes;
mod config;

use lzn_random::{Purpose, Stream};
use ndarray::{Array3, ArrayView3, ArrayViewMut3};

pub use changes::{Changes, ColourChange};
pub use config::{AugmentConfig, BlurConfig, CropConfig, JitterConfig, Padding};

use crate::{DataError, ImageShape};

/// Random changes of images of one shape, fixed by seed, epoch, sample and view.
///
/// A sample is changed in the same way in whatever batch, step or worker thread it comes.
///
/// # Example
/// ```
/// use lzn_data::{Augment, AugmentConfig, ImageShape};
/// use ndarray::Array3;
///
/// let seed = 1;
/// let augment = Augment::new(AugmentConfig::VIEWS, seed, ImageShape { channels: 3, height: 32, width: 32 })?;
/// let photograph = Array3::from_shape_fn((3, 75, 100), |(c, y, x)| (60 * c + y + x) as u8);
/// let [one, two] = [0, 1].map(|view| augment.view(photograph.view(), 4, 17, view));
/// assert_eq!(one?.dim(), (3, 32, 32));
/// println!("of sample 17 in epoch 4, view 1 is made by {:?}", augment.draw([75, 100], 4, 17, 1));
/// # two?;
/// # Ok::<(), lzn_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augment {
    config: AugmentConfig,
    seed: u64,
    shape: ImageShape,
}

impl Augment {
    /// Checks that `config` suits images of the given shape, which views are brought to.
    ///
    /// # Errors
    /// [`DataError::ShiftTooLarge`] when a shift could leave nothing of an image; [`DataError::AugmentValue`] names a
    /// value out of its range.
    pub fn new(config: AugmentConfig, seed: u64, shape: ImageShape) -> Result<Self, DataError> {
        config.check(shape)?;
        Ok(Self { config, seed, shape })
    }

    /// Whether views are cut out of whole images, of any size, and not made of images that have the shape already.
    pub fn takes_whole_images(&self) -> bool {
        self.config.crop.is_some()
    }

    /// What is done to an image of `size`, height and width in pixels.
    ///
    /// Every change draws from a stream of its own at `[epoch, sample, view]`, so that switching one on or off leaves
    /// the others alone. Views of one sample are numbered from 0 and changed independently of each other.
    pub fn draw(&self, size: [usize; 2], epoch: u64, sample: usize, view: u64) -> Changes {
        Changes::draw(&self.config, size, |purpose| Stream::new(self.seed, purpose, [epoch, sample as u64, view]))
    }

    /// One view of an image, `[C, H, W]`; the image has any height and width if views are cut out of it, else those of
    /// the view.
    ///
    /// # Errors
    /// [`DataError::SampleShape`] when the image does not have the shape that it needs.
    pub fn view(
        &self,
        image: ArrayView3<'_, u8>,
        epoch: u64,
        sample: usize,
        view: u64,
    ) -> Result<Array3<u8>, DataError> {
        let ImageShape { channels, height, width } = self.shape;
        let mut target = Array3::zeros((channels, height, width));
        self.write_view(image, target.view_mut(), epoch, sample, view)?;
        Ok(target)
    }

    /// As [`Augment::view`], into memory that has the shape of a view.
    pub(crate) fn write_view(
        &self,
        image: ArrayView3<'_, u8>,
        target: ArrayViewMut3<'_, u8>,
        epoch: u64,
        sample: usize,
        view: u64,
    ) -> Result<(), DataError> {
        let got = ImageShape::from_dim(image.dim());
        let expected = match self.takes_whole_images() {
            true => ImageShape { channels: self.shape.channels, height: got.height.max(1), width: got.width.max(1) },
            false => self.shape,
        };
        let wrong = DataError::SampleShape { index: sample, expected, got };
        if got != expected {
            return Err(wrong);
        }
        self.draw([got.height, got.width], epoch, sample, view).write(image, target).map_err(|_| wrong)
    }
}

/// The purposes of the changes' streams.
const MOVES: Purpose = Purpose::AUGMENT;
const CROP: Purpose = Purpose::new("augment/crop");
const JITTER: Purpose = Purpose::new("augment/jitter");
const GREY: Purpose = Purpose::new("augment/grey");
const BLUR: Purpose = Purpose::new("augment/blur");
