//! From configuration to data sets, and from their bytes to tensors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lzn_data::{
    ClassTexts, Colour, DataError, Dataset, ImageConfig, ImageFolder, PackedImages, SkipBad, Split, cifar10,
    fashion_mnist, image_text, imagenet, read_image, webdataset,
};
use ndarray::{Array2, Array4};
use tch::{Device, Kind, Tensor};

use crate::TaskError;
use crate::config::{DataConfig, DataSource, TextSource};

/// The images to learn from, and those to be judged by.
#[derive(Clone)]
pub struct RunData {
    /// What networks learn from.
    pub train: Arc<dyn Dataset>,
    /// What they are judged by: of an image folder the sub-folder `test` or `val` beside `train`; none if there is no such part.
    pub test: Option<Arc<dyn Dataset>>,
}

impl RunData {
    /// Opens what the configuration describes.
    ///
    /// # Errors
    /// [`TaskError::Data`] names the file and the remedy; [`TaskError::ImageShape`] if the images are of another size than configured;
    /// [`TaskError::TestClasses`] if the two sets have different classes.
    pub fn open(config: &DataConfig) -> Result<Self, TaskError> {
        let (train, test) = (open_train(config)?, open_test(config)?);
        if let Some(test) = &test {
            check_classes(train.class_names(), test.as_ref())?;
        }
        Ok(Self { train, test })
    }

    /// Images of both sets that could not be decoded so far and were replaced, each as the message that names it.
    pub fn bad_images(&self) -> Vec<String> {
        let test = self.test.iter().flat_map(|test| test.bad_images());
        self.train.bad_images().into_iter().chain(test).collect()
    }
}

/// Refuses test images whose labels would mean other classes than those that were learned. Without classes there are no labels.
///
/// # Errors
/// [`TaskError::TestClasses`].
pub fn check_classes(learned: &[String], test: &dyn Dataset) -> Result<(), TaskError> {
    if learned.is_empty() || learned == test.class_names() {
        return Ok(());
    }
    Err(TaskError::TestClasses { train: learned.to_vec(), test: test.class_names().to_vec() })
}

/// Opens the images to learn from.
///
/// # Errors
/// As [`RunData::open`].
pub fn open_train(config: &DataConfig) -> Result<Arc<dyn Dataset>, TaskError> {
    let path = place(config);
    let found = open(config, Split::Train)?;
    checked(config, found.ok_or_else(|| DataError::Empty { path: path.to_owned(), remedy: "it has no part `train`" })?)
}

/// Opens the images to be judged by, if there are any. Those of Fashion-MNIST ship with the project, so they need no folder.
///
/// # Errors
/// As [`RunData::open`].
pub fn open_test(config: &DataConfig) -> Result<Option<Arc<dyn Dataset>>, TaskError> {
    open(config, Split::Test)?.map(|data| checked(config, data)).transpose()
}

fn place(config: &DataConfig) -> &Path {
    config.path.as_deref().unwrap_or(Path::new(""))
}

/// One part of what the configuration describes; no data set is without a part to learn from.
fn open(config: &DataConfig, split: Split) -> Result<Option<Arc<dyn Dataset>>, TaskError> {
    let (path, images) = (place(config), image_config(config));
    let embedded = || fashion_mnist::embedded(split).map(shared);
    Ok(match (config.source, split) {
        (DataSource::FashionMnistEmbedded, _) | (DataSource::FashionMnist, Split::Test) => Some(embedded()?),
        (DataSource::FashionMnist, Split::Train) => Some(shared(fashion_mnist::folder(path, split)?)),
        (DataSource::Cifar10, _) => Some(shared(cifar10::open(path, split)?)),
        (DataSource::Imagenet, Split::Test) if !imagenet::has_validation(path) => None,
        (DataSource::Imagenet, _) => Some(shared(imagenet::open(path, split, images)?)),
        (DataSource::Webdataset, _) => match webdataset::part(path, split) {
            Some(part) => Some(shared(webdataset::open(&part, images)?)),
            None => None,
        },
        (DataSource::Packed, _) => PackedImages::open(path, split.name(), images)?.map(shared),
        (DataSource::ImageText, _) => {
            image_text::open(path, split, &config.table.clone().unwrap_or_default(), images)?.map(shared)
        }
        (DataSource::ImageFolder, _) => match ImageFolder::part(path, split) {
            Some(part) => Some(shared(ImageFolder::open(&part, images)?)),
            None => None,
        },
        (DataSource::Custom, Split::Test) | (DataSource::Lmdb, Split::Test) => None,
        (DataSource::Custom, Split::Train) => return Err(TaskError::Custom { path: "config.toml".into() }),
        (DataSource::Lmdb, Split::Train) => Some(lmdb(path, images)?),
    })
}

fn shared(data: impl Dataset + 'static) -> Arc<dyn Dataset> {
    Arc::new(data)
}

#[cfg(feature = "lmdb")]
fn lmdb(path: &Path, images: ImageConfig) -> Result<Arc<dyn Dataset>, TaskError> {
    Ok(shared(lzn_data::lmdb::open(path, images)?))
}

#[cfg(not(feature = "lmdb"))]
fn lmdb(_: &Path, _: ImageConfig) -> Result<Arc<dyn Dataset>, TaskError> {
    Err(TaskError::NoLmdb)
}

/// What image files are turned into where they are not changed at random.
pub fn image_config(config: &DataConfig) -> ImageConfig {
    let colour = if config.channels == 1 { Colour::Grey } else { Colour::Rgb };
    ImageConfig { size: config.image_size, colour, resize: config.resize, background: config.background }
}

/// Refuses images of another size than configured, and wraps what may hold images that cannot be decoded.
fn checked(config: &DataConfig, data: Arc<dyn Dataset>) -> Result<Arc<dyn Dataset>, TaskError> {
    let data = if config.skip_bad { shared(SkipBad::new(data)?) } else { data };
    let data = if config.texts == TextSource::ClassNames { shared(ClassTexts::new(data)) } else { data };
    let got = data.image_shape();
    if (got.channels, got.height, got.width) == (config.channels, config.image_size, config.image_size) {
        return Ok(data);
    }
    Err(TaskError::ImageShape { got, size: config.image_size, channels: config.channels })
}

/// Image files `[n, C, H, W]` uint8, as a configuration has them.
///
/// # Errors
/// [`TaskError::Data`] names the file that cannot be read.
pub fn read_files(files: &[PathBuf], config: &ImageConfig) -> Result<Array4<u8>, TaskError> {
    let mut all = Array4::zeros((files.len(), config.colour.channels(), config.size, config.size));
    for (mut slot, file) in all.outer_iter_mut().zip(files) {
        slot.assign(&read_image(file, config)?);
    }
    Ok(all)
}

/// Images `[B, C, H, W]` uint8 as float32 in [-1, 1] on `device`: 0 becomes -1 and 255 becomes 1.
pub fn to_tensor(images: &Array4<u8>, device: Device) -> Tensor {
    let shape: Vec<i64> = images.shape().iter().map(|&n| n as i64).collect();
    let bytes = match images.as_slice() {
        Some(bytes) => Tensor::from_slice(bytes),
        None => Tensor::from_slice(&images.iter().copied().collect::<Vec<u8>>()),
    };
    bytes.view(shape.as_slice()).to_device(device).to_kind(Kind::Float) / 127.5 - 1.0
}

/// Reads the samples at `indices` as images in [-1, 1] and labels; labels are empty in a data set without classes.
///
/// # Errors
/// [`TaskError::Data`] names the file that cannot be read.
pub fn read(data: &dyn Dataset, indices: &[usize], device: Device) -> Result<(Tensor, Vec<i64>), TaskError> {
    let (images, labels) = read_bytes(data, indices.iter().copied())?;
    Ok((to_tensor(&images, device), labels))
}

/// Reads the samples at `indices` as they are, `[n, C, H, W]` uint8, with their labels as [`read`] gives them.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_bytes(
    data: &dyn Dataset,
    indices: impl ExactSizeIterator<Item = usize>,
) -> Result<(Array4<u8>, Vec<i64>), TaskError> {
    let shape = data.image_shape();
    let mut images = Array4::zeros((indices.len(), shape.channels, shape.height, shape.width));
    let mut labels = Vec::new();
    for (mut slot, index) in images.outer_iter_mut().zip(indices) {
        let sample = data.read(index)?;
        slot.assign(&sample.image);
        labels.extend(sample.label);
    }
    Ok((images, labels))
}

/// Rows `[n, d]` of a tensor in main memory, float32.
///
/// # Errors
/// [`TaskError::Tch`] for a tensor of another number of dimensions.
pub fn matrix(rows: &Tensor) -> Result<Array2<f32>, TaskError> {
    let (n, d) = rows.size2()?;
    let values: Vec<f32> = rows.to_device(Device::Cpu).to_kind(Kind::Float).contiguous().view([-1]).try_into()?;
    // The length is the product of the shape, both taken from one tensor.
    Ok(Array2::from_shape_vec((n as usize, d as usize), values).unwrap_or_default())
}
