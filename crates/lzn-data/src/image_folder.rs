//! Folders of PNG and JPEG files as a data set.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use image::{DynamicImage, ImageReader};
use lzn_resize::{ResizeError, centre_square};
use ndarray::{Array3, ArrayView3};
use serde::{Deserialize, Serialize};

use crate::{
    DataError, Dataset, ImageShape, Sample,
    dataset::check_index,
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
}

impl ImageConfig {
    fn check(&self) -> Result<(), DataError> {
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

/// The PNG and JPEG files of a folder, read when they are needed.
///
/// Either every class has a sub-folder, named like the class, or the images lie in the folder itself and have no
/// labels. Classes and files are sorted by name, byte by byte, so order and labels are the same on every machine. Files
/// with other endings, names that start with a dot, and folders further down are left out.
#[derive(Debug, Clone)]
pub struct ImageFolder {
    files: Vec<(PathBuf, Option<i64>)>,
    class_names: Vec<String>,
    config: ImageConfig,
}

impl ImageFolder {
    /// Lists the files of `folder`; images are decoded by [`Dataset::read`].
    ///
    /// # Errors
    /// [`DataError::ImageSizeZero`] and [`DataError::ResizeBelowSize`]; [`DataError::Missing`] and [`DataError::Io`]
    /// when the folder cannot be listed; [`DataError::Empty`] when it or a class folder holds no image;
    /// [`DataError::MixedFolder`] when it holds both images and class folders.
    pub fn open(folder: &Path, config: ImageConfig) -> Result<Self, DataError> {
        config.check()?;
        let top = list(folder)?;
        match (top.images.first(), top.folders.first()) {
            (Some(image), Some(class)) => {
                Err(DataError::MixedFolder { path: folder.to_owned(), image: name_of(image), class: name_of(class) })
            }
            (Some(_), None) => {
                let files = top.images.into_iter().map(|path| (path, None)).collect();
                Ok(Self { files, class_names: Vec::new(), config })
            }
            (None, Some(_)) => Self::with_classes(&top.folders, config),
            (None, None) => Err(empty(folder)),
        }
    }

    fn with_classes(folders: &[PathBuf], config: ImageConfig) -> Result<Self, DataError> {
        let mut files = Vec::new();
        for (label, folder) in folders.iter().enumerate() {
            let images = list(folder)?.images;
            if images.is_empty() {
                return Err(empty(folder));
            }
            files.extend(images.into_iter().map(|path| (path, Some(label as i64))));
        }
        Ok(Self { files, class_names: folders.iter().map(|folder| name_of(folder)).collect(), config })
    }

    /// The file of a sample; `None` past the end.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.files.get(index).map(|(path, _)| path.as_path())
    }
}

impl Dataset for ImageFolder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn image_shape(&self) -> ImageShape {
        self.config.shape()
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        check_index(index, self.len())?;
        let (path, label) = &self.files[index];
        Ok(Sample { image: read_image(path, &self.config)?, label: *label })
    }

    fn read_whole(&self, index: usize) -> Result<Sample, DataError> {
        check_index(index, self.len())?;
        let (path, label) = &self.files[index];
        Ok(Sample { image: decode(path, self.config.colour)?, label: *label })
    }

    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        check_index(index, self.len())?;
        Ok(self.files[index].1)
    }
}

/// Reads one PNG or JPEG file as `[C, size, size]`.
///
/// The largest centred square is cut out and brought to `size`, or the image is brought to [`ImageConfig::resize`] and
/// its middle cut out; both without aliasing, by [`resized_crop`]. An image that is `size` x `size` keeps its pixels
/// unless it is to be resized. Alpha is dropped, 16 bits become 8, and orientation tags are not followed.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Io`], [`DataError::UnreadableImage`], [`DataError::ImageSizeZero`],
/// [`DataError::ResizeBelowSize`].
pub fn read_image(path: &Path, config: &ImageConfig) -> Result<Array3<u8>, DataError> {
    config.check()?;
    let whole = decode(path, config.colour)?;
    fit(whole.view(), config).map_err(|error| unreadable(path, error.to_string()))
}

/// The whole image of a file, `[C, H, W]`. In memory, the channels of a pixel lie together, as decoders write them.
pub(crate) fn decode(path: &Path, colour: Colour) -> Result<Array3<u8>, DataError> {
    if path.is_dir() {
        return Err(unreadable(path, "it is a folder; name the files in it".to_owned()));
    }
    let reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|source| io_error(path, source, "check the name, or remove it from the list"))?;
    let decoded: DynamicImage = reader.decode().map_err(|error| unreadable(path, error.to_string()))?;
    let (height, width) = (decoded.height() as usize, decoded.width() as usize);
    let pixels = match colour {
        Colour::Grey => decoded.into_luma8().into_raw(),
        Colour::Rgb => decoded.into_rgb8().into_raw(),
    };
    let rows_first = Array3::from_shape_vec((height, width, colour.channels()), pixels)
        .map_err(|error| unreadable(path, error.to_string()))?;
    Ok(rows_first.permuted_axes([2, 0, 1]))
}

/// An image at `config.size` x `config.size`.
fn fit(whole: ArrayView3<'_, u8>, config: &ImageConfig) -> Result<Array3<u8>, ResizeError> {
    let size = [config.size; 2];
    if let Some(side) = config.resize {
        let resized = resize_shorter_side(whole, side)?;
        return Ok(centre_crop(resized.view(), size).as_standard_layout().into_owned());
    }
    let square = centre_square(whole);
    let side = square.dim().1;
    resized_crop(square, Rectangle { top: 0, left: 0, height: side, width: side }, size)
}

/// What a folder holds, each sorted by name.
struct Listing {
    images: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

fn list(folder: &Path) -> Result<Listing, DataError> {
    let failed = |source| io_error(folder, source, "give the folder that holds the images or the class folders");
    let mut listing = Listing { images: Vec::new(), folders: Vec::new() };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if name_of(&path).starts_with('.') {
            continue;
        }
        if path.is_dir() {
            listing.folders.push(path);
        } else if has_image_ending(&path) {
            listing.images.push(path);
        }
    }
    listing.images.sort();
    listing.folders.sort();
    Ok(listing)
}

pub(crate) fn has_image_ending(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn empty(folder: &Path) -> DataError {
    DataError::Empty { path: folder.to_owned(), remedy: "put PNG or JPEG files there, or remove the folder" }
}

fn unreadable(path: &Path, reason: String) -> DataError {
    DataError::UnreadableImage { path: path.to_owned(), reason }
}

pub(crate) fn io_error(path: &Path, source: io::Error, remedy: &str) -> DataError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => DataError::Missing { path, remedy: remedy.to_owned() },
        _ => DataError::Io { path, source },
    }
}
