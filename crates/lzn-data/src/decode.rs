//! From the bytes of an image file to pixels of the size that is asked for.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
};

use image::{DynamicImage, ImageReader, Limits, Rgb, RgbImage, Rgba, RgbaImage};
use lzn_resize::{ResizeError, centre_square};
use ndarray::{Array3, ArrayView3};
use serde::{Deserialize, Serialize};

use crate::{
    DataError, ImageShape,
    transform::{Rectangle, centre_crop, resize_shorter_side, resized_crop},
};

/// File name endings that are read, in lower case.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// What image files are turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageConfig {
    /// Height and width, in pixels; at least 1.
    pub size: usize,
    /// Grey or colour.
    pub colour: Colour,
    /// Pixels that the shorter side is brought to before the middle is cut out, at least `size`. Without it, the
    /// largest square in the middle is brought to `size`. Published for the evaluation of representations: 256, for a
    /// `size` of 224.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<usize>,
    /// Red, green and blue of what lies behind an image that is transparent in places. Without it alpha is dropped, and the colours that
    /// were hidden show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<[u8; 3]>,
}

impl ImageConfig {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        match self.resize {
            _ if self.size == 0 => Err(DataError::ImageSizeZero),
            Some(resize) if resize < self.size => Err(DataError::ResizeBelowSize { resize, size: self.size }),
            _ => Ok(()),
        }
    }

    /// Shape of the images.
    pub fn shape(&self) -> ImageShape {
        ImageShape { channels: self.colour.channels(), height: self.size, width: self.size }
    }
}

/// Channels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// One channel: luma by ITU-R BT.709 for files in colour.
    Grey,
    /// Three channels: red, green, blue.
    Rgb,
}

impl Colour {
    /// Number of channels.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

/// How an image is stored, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels and bits: `rgb`, `grey`, `rgba`, `rgb, 16 bit`.
    pub mode: &'static str,
}

/// Most bytes that a decoder may take for one image. The largest photographs of ImageNet take 200 MB.
const DECODED: u64 = 512 << 20;

/// Reads one PNG or JPEG file as `[C, size, size]`.
///
/// The largest centred square is cut out and brought to `size`, or the image is brought to [`ImageConfig::resize`] and
/// its middle cut out; both without aliasing, by [`resized_crop`]. An image that is `size` x `size` keeps its pixels
/// unless it is to be resized. Alpha is dropped unless there is a [`ImageConfig::background`], 16 bits become 8, and orientation tags are
/// not followed.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Io`], [`DataError::UnreadableImage`], [`DataError::ImageSizeZero`],
/// [`DataError::ResizeBelowSize`].
pub fn read_image(path: &Path, config: &ImageConfig) -> Result<Array3<u8>, DataError> {
    config.check()?;
    let whole = decode_bytes(path, &read_file(path)?, config)?;
    fit(whole.view(), config).map_err(|error| unreadable(path, error.to_string()))
}

/// The bytes of an image file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    if path.is_dir() {
        return Err(unreadable(path, "it is a folder; name the files in it".to_owned()));
    }
    let mut bytes = Vec::new();
    match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(bytes),
        Err(source) => Err(io_error(path, source, "check the name, or remove it from the list")),
    }
}

fn decoded(name: &Path, bytes: &[u8]) -> Result<DynamicImage, DataError> {
    let failed = |error: &dyn std::fmt::Display| unreadable(name, error.to_string());
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| failed(&error))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED);
    reader.limits(limits);
    reader.decode().map_err(|error| failed(&error))
}

/// How an image is stored; decodes all of it, so that damage is found.
pub(crate) fn look(name: &Path, bytes: &[u8]) -> Result<Look, DataError> {
    let image = decoded(name, bytes)?;
    let mode = match image {
        DynamicImage::ImageLuma8(_) => "grey",
        DynamicImage::ImageLumaA8(_) => "grey with alpha",
        DynamicImage::ImageRgb8(_) => "rgb",
        DynamicImage::ImageRgba8(_) => "rgba",
        DynamicImage::ImageLuma16(_) => "grey, 16 bit",
        DynamicImage::ImageLumaA16(_) => "grey with alpha, 16 bit",
        DynamicImage::ImageRgb16(_) => "rgb, 16 bit",
        DynamicImage::ImageRgba16(_) => "rgba, 16 bit",
        _ => "other",
    };
    Ok(Look { height: image.height() as usize, width: image.width() as usize, mode })
}

/// The whole image of a file, `[C, H, W]`, whose bytes `name` names in errors. In memory, the channels of a pixel lie together, as
/// decoders write them. Of `config` the size is not looked at.
pub(crate) fn decode_bytes(name: &Path, bytes: &[u8], config: &ImageConfig) -> Result<Array3<u8>, DataError> {
    let mut decoded = decoded(name, bytes)?;
    if let Some(background) = config.background.filter(|_| decoded.color().has_alpha()) {
        decoded = over(&decoded.into_rgba8(), background).into();
    }
    let (height, width, colour) = (decoded.height() as usize, decoded.width() as usize, config.colour);
    let pixels = match colour {
        Colour::Grey => decoded.into_luma8().into_raw(),
        Colour::Rgb => decoded.into_rgb8().into_raw(),
    };
    let rows_first = Array3::from_shape_vec((height, width, colour.channels()), pixels)
        .map_err(|error| unreadable(name, error.to_string()))?;
    Ok(rows_first.permuted_axes([2, 0, 1]))
}

/// An image laid over one colour: `alpha image + (1 - alpha) background`, rounded to the nearest.
fn over(image: &RgbaImage, background: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let Rgba([red, green, blue, alpha]) = *image.get_pixel(x, y);
        let alpha = u32::from(alpha);
        let mix =
            |own: u8, behind: u8| ((alpha * u32::from(own) + (255 - alpha) * u32::from(behind) + 127) / 255) as u8;
        Rgb([mix(red, background[0]), mix(green, background[1]), mix(blue, background[2])])
    })
}

/// An image at `config.size` x `config.size`.
pub(crate) fn fit(whole: ArrayView3<'_, u8>, config: &ImageConfig) -> Result<Array3<u8>, ResizeError> {
    let size = [config.size; 2];
    if let Some(side) = config.resize {
        let resized = resize_shorter_side(whole, side)?;
        return Ok(centre_crop(resized.view(), size).as_standard_layout().into_owned());
    }
    let square = centre_square(whole);
    let side = square.dim().1;
    resized_crop(square, Rectangle { top: 0, left: 0, height: side, width: side }, size)
}

pub(crate) fn has_image_ending(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

pub(crate) fn unreadable(path: &Path, reason: String) -> DataError {
    DataError::UnreadableImage { path: path.to_owned(), reason }
}

pub(crate) fn io_error(path: &Path, source: io::Error, remedy: &str) -> DataError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => DataError::Missing { path, remedy: remedy.to_owned() },
        _ => DataError::Io { path, source },
    }
}
