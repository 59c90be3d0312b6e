//! Folders of PNG and JPEG files as a data set.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use image::{DynamicImage, ImageBuffer, ImageReader, Pixel, imageops};
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::{DataError, Dataset, ImageShape, Sample, dataset::check_index};

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
}

impl ImageConfig {
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
    /// [`DataError::ImageSizeZero`]; [`DataError::Missing`] and [`DataError::Io`] when the folder cannot be listed;
    /// [`DataError::Empty`] when it or a class folder holds no image; [`DataError::MixedFolder`] when it holds both
    /// images and class folders.
    pub fn open(folder: &Path, config: ImageConfig) -> Result<Self, DataError> {
        if config.size == 0 {
            return Err(DataError::ImageSizeZero);
        }
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

    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        check_index(index, self.len())?;
        Ok(self.files[index].1)
    }
}

/// Reads one PNG or JPEG file as `[C, size, size]`.
///
/// The largest centred square is cut out and brought to `size` with a triangle filter as wide as the reduction, which
/// avoids aliasing. Up to the border pixels, this is resizing by the shorter side and cropping the centre, without the
/// large image in between. An image that is `size` x `size` keeps its pixels. Alpha is dropped, 16 bits become 8, and
/// orientation tags are not followed.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Io`], [`DataError::UnreadableImage`], [`DataError::ImageSizeZero`].
pub fn read_image(path: &Path, config: &ImageConfig) -> Result<Array3<u8>, DataError> {
    if config.size == 0 {
        return Err(DataError::ImageSizeZero);
    }
    if path.is_dir() {
        return Err(unreadable(path, "it is a folder; name the files in it".to_owned()));
    }
    let reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|source| io_error(path, source, "check the name, or remove it from the list"))?;
    let decoded: DynamicImage = reader.decode().map_err(|error| unreadable(path, error.to_string()))?;
    let size = config.size as u32;
    let (pixels, channels) = match config.colour {
        Colour::Grey => (square(decoded.into_luma8(), size), 1),
        Colour::Rgb => (square(decoded.into_rgb8(), size), 3),
    };
    let rows_first = Array3::from_shape_vec((config.size, config.size, channels), pixels)
        .map_err(|error| unreadable(path, error.to_string()))?;
    Ok(rows_first.permuted_axes([2, 0, 1]).as_standard_layout().into_owned())
}

/// The centred square of `image` at `size` x `size`, as bytes `[H, W, C]`.
fn square<P>(image: ImageBuffer<P, Vec<u8>>, size: u32) -> Vec<u8>
where
    P: Pixel<Subpixel = u8> + 'static,
{
    let (width, height) = image.dimensions();
    if (width, height) == (size, size) {
        return image.into_raw();
    }
    let side = width.min(height);
    let centre = imageops::crop_imm(&image, (width - side) / 2, (height - side) / 2, side, side);
    imageops::resize(&*centre, size, size, imageops::FilterType::Triangle).into_raw()
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

fn has_image_ending(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn empty(folder: &Path) -> DataError {
    DataError::Empty { path: folder.to_owned(), remedy: "put PNG or JPEG files there, or remove the folder" }
}

fn unreadable(path: &Path, reason: String) -> DataError {
    DataError::UnreadableImage { path: path.to_owned(), reason }
}

fn io_error(path: &Path, source: io::Error, remedy: &str) -> DataError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => DataError::Missing { path, remedy: remedy.to_owned() },
        _ => DataError::Io { path, source },
    }
}
