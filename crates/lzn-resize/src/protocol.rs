//! What networks of published numbers see of an image.

use std::borrow::Cow;

use ndarray::{Array3, Array4, ArrayView3, ArrayView4, ArrayViewMut3, Axis};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::{Filter, Resampler, Resize, ResizeError, centre_square};

/// From bytes to the input of a network: cut, resize, clip, shift and divide.
///
/// The constants are the protocols of published numbers. A number made with one is not comparable with a number made
/// with another, so [`Protocol::name`] belongs beside the number.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// Short name, for reports and caches.
    pub name: Cow<'static, str>,
    /// Whether the square in the middle is cut out first.
    pub centre_square: bool,
    /// How to resize; `None` takes images of the right size as they are and refuses others.
    pub resize: Option<Resize>,
    /// Height and width of the input in pixels.
    pub size: [usize; 2],
    /// Channels of the input: 3, where grey images are repeated to red, green and blue; or 1, which refuses colour.
    pub channels: usize,
    /// What is subtracted from the levels 0..=255 of each channel. With one channel, the first counts.
    pub shift: [f32; 3],
    /// What they are divided by afterwards.
    pub divisor: [f32; 3],
}

/// Mean and standard deviation of ImageNet's training images, in levels of 0..=255.
const IMAGENET: [[f32; 3]; 2] = [[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]];
/// Those that CLIP was trained with, on levels of 0 to 1.
const CLIP: [[f32; 3]; 2] = [[0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]];

impl Protocol {
    const fn colour(
        name: Cow<'static, str>,
        resize: Resize,
        size: [usize; 2],
        [shift, divisor]: [[f32; 3]; 2],
    ) -> Self {
        Self { name, centre_square: false, resize: Some(resize), size, channels: 3, shift, divisor }
    }

    const fn inception(name: &'static str, resize: Resize, centre: f32) -> Self {
        Self::colour(Cow::Borrowed(name), resize, [299, 299], [[centre; 3], [centre; 3]])
    }

    const fn bicubic(name: &'static str, size: usize, shift_and_divisor: [[f32; 3]; 2]) -> Self {
        Self::colour(Cow::Borrowed(name), Resize::PillowBytes(Filter::Bicubic), [size, size], shift_and_divisor)
    }

    /// pytorch-fid 0.3: torch's bilinear interpolation without antialiasing, to [-1, 1].
    pub const PYTORCH_FID: Self = Self::inception("pytorch-fid", Resize::TorchBilinear, 127.5);
    /// clean-fid 0.1 in mode `clean`: Pillow's bicubic filter on floats, antialiased, clipped to 0..=255 and not
    /// rounded.
    pub const CLEAN_FID: Self = Self::inception("clean-fid", Resize::PillowFloat(Filter::Bicubic), 128.0);
    /// torch-fidelity 0.4, and the original TensorFlow graph of FID: `(x - 128) / 128`.
    pub const TORCH_FIDELITY: Self = Self::inception("torch-fidelity", Resize::Tf1Bilinear, 128.0);
    /// The evaluator of guided diffusion (ADM), which lets the TensorFlow graph do everything: the same arithmetic as
    /// [`Protocol::TORCH_FIDELITY`] under the name of its sFID, precision and recall.
    pub const ADM: Self = Self::inception("adm", Resize::Tf1Bilinear, 128.0);
    /// TF-GAN as score-based models and Rectified Flow use it: `(x - 127.5) / 127.5`. That its module resizes
    /// bilinearly as TensorFlow 1 does is the likely reading of its source, not a checked fact.
    pub const TFGAN: Self = Self::inception("tfgan", Resize::Tf1Bilinear, 127.5);
    /// EfficientNet-Lite0: Pillow's bicubic filter on bytes to 224 pixels, `(x - 127) / 128`.
    pub const EFFICIENTNET_LITE0: Self = Self::bicubic("efficientnet-lite0", 224, [[127.0; 3], [128.0; 3]]);
    /// DINOv2 as in dgm-eval: Pillow's bicubic filter on bytes to 224 pixels, ImageNet's mean and deviation.
    pub const DINO: Self = Self::bicubic("dinov2-224", 224, IMAGENET);
    /// CLIP ViT-L/14@336 as in CMMD: the square in the middle, Pillow's bicubic filter on bytes to 336 pixels, CLIP's
    /// mean and deviation.
    pub const CMMD_336: Self = {
        let mut protocol = Self::bicubic("cmmd-336", 336, [scaled(CLIP[0]), scaled(CLIP[1])]);
        protocol.centre_square = true;
        protocol
    };

    /// All that have a name here.
    pub const NAMED: [&Self; 8] = [
        &Self::PYTORCH_FID,
        &Self::CLEAN_FID,
        &Self::TORCH_FIDELITY,
        &Self::ADM,
        &Self::TFGAN,
        &Self::EFFICIENTNET_LITE0,
        &Self::DINO,
        &Self::CMMD_336,
    ];

    /// Images of `size` (height and width) with 1 or 3 `channels` as they are, to [-1, 1].
    pub fn as_is(size: [usize; 2], channels: usize) -> Self {
        let name = Cow::Owned(format!("as-is-{}x{}", size[0], size[1]));
        Self { name, centre_square: false, resize: None, size, channels, shift: [127.5; 3], divisor: [127.5; 3] }
    }

    /// One of one's own, for colour: `size` (height and width), mean and deviation of each channel on levels of 0 to 1.
    pub fn custom(name: String, resize: Resize, size: [usize; 2], mean: [f32; 3], deviation: [f32; 3]) -> Self {
        Self::colour(Cow::Owned(name), resize, size, [scaled(mean), scaled(deviation)])
    }

    /// The one of [`Protocol::NAMED`] that is called `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::NAMED.into_iter().find(|protocol| protocol.name == name)
    }

    /// The inputs of `[B, C, H, W]` images: `[B, channels, h, w]`. Images are spread over the threads of rayon.
    ///
    /// # Errors
    /// [`ResizeError::Channels`] for channels that the protocol does not take, [`ResizeError::Fixed`] for another size
    /// where nothing is resized, [`ResizeError::Empty`] for images without pixels.
    pub fn apply(&self, images: ArrayView4<'_, u8>) -> Result<Array4<f32>, ResizeError> {
        let (count, channels, height, width) = images.dim();
        let resampler = self.check(channels, [height, width])?;
        let mut inputs = Array4::zeros((count, self.channels, self.size[0], self.size[1]));
        let pairs: Vec<_> = images.axis_iter(Axis(0)).zip(inputs.axis_iter_mut(Axis(0))).collect();
        pairs.into_par_iter().try_for_each(|(image, input)| self.write(resampler.as_ref(), image, input))?;
        Ok(inputs)
    }

    /// The levels that a `[C, H, W]` image has after resizing and clipping, before shift and division; `[C, h, w]`,
    /// grey still grey.
    ///
    /// # Errors
    /// As [`Protocol::apply`].
    pub fn levels(&self, image: ArrayView3<'_, u8>) -> Result<Array3<f32>, ResizeError> {
        let (channels, height, width) = image.dim();
        self.resized(self.check(channels, [height, width])?.as_ref(), image)
    }

    fn check(&self, channels: usize, from: [usize; 2]) -> Result<Option<Resampler>, ResizeError> {
        if channels != 1 && channels != self.channels {
            let expected = if self.channels == 1 { "1" } else { "1 or 3" };
            return Err(ResizeError::Channels { protocol: self.name.to_string(), expected, got: channels });
        }
        let side = from[0].min(from[1]);
        let cut = if self.centre_square { [side, side] } else { from };
        match self.resize {
            Some(resize) => Resampler::new(resize, cut, self.size).map(Some),
            None if cut == self.size => Ok(None),
            None => Err(ResizeError::Fixed { protocol: self.name.to_string(), expected: self.size, got: from }),
        }
    }

    fn resized(&self, resampler: Option<&Resampler>, image: ArrayView3<'_, u8>) -> Result<Array3<f32>, ResizeError> {
        let image = if self.centre_square { centre_square(image) } else { image };
        match (resampler, self.resize) {
            (None, _) => Ok(image.mapv(f32::from)),
            // The filter of bytes needs no detour through floats.
            (Some(resampler), Some(Resize::PillowBytes(_))) => Ok(resampler.bytes(image)?.mapv(f32::from)),
            (Some(resampler), _) => {
                Ok(resampler.floats(image.mapv(f32::from).view())?.mapv_into(|level| level.clamp(0.0, 255.0)))
            }
        }
    }

    fn write(
        &self,
        resampler: Option<&Resampler>,
        image: ArrayView3<'_, u8>,
        mut input: ArrayViewMut3<'_, f32>,
    ) -> Result<(), ResizeError> {
        let levels = self.resized(resampler, image)?;
        for (channel, mut plane) in input.axis_iter_mut(Axis(0)).enumerate() {
            let source = levels.index_axis(Axis(0), if levels.dim().0 == 1 { 0 } else { channel });
            let (shift, divisor) = (self.shift[channel], self.divisor[channel]);
            plane.zip_mut_with(&source, |out, level| *out = (level - shift) / divisor);
        }
        Ok(())
    }
}

/// From levels of 0 to 1 to levels of 0 to 255.
const fn scaled([a, b, c]: [f32; 3]) -> [f32; 3] {
    [a * 255.0, b * 255.0, c * 255.0]
}
