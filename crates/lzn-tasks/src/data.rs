//! From configuration to data sets, and from their bytes to tensors.

use std::path::Path;
use std::sync::Arc;

use lzn_data::{ArrayDataset, Colour, Dataset, ImageConfig, ImageFolder, Split, fashion_mnist};
use ndarray::Array4;
use tch::{Device, Kind, Tensor};

use crate::TaskError;
use crate::config::{DataConfig, DataSource};

/// The images to learn from, and those to be judged by.
#[derive(Clone)]
pub struct RunData {
    /// What networks learn from.
    pub train: Arc<dyn Dataset>,
    /// What they are judged by; none if the folder has no test part.
    pub test: Option<Arc<dyn Dataset>>,
}

impl RunData {
    /// Opens what the configuration describes.
    ///
    /// # Errors
    /// [`TaskError::Data`] names the file and the remedy; [`TaskError::ImageShape`] if the images are of another size than configured.
    pub fn open(config: &DataConfig) -> Result<Self, TaskError> {
        let path = config.path.as_deref().unwrap_or(Path::new(""));
        let data = match config.source {
            DataSource::FashionMnistEmbedded => both(fashion_mnist::embedded)?,
            DataSource::FashionMnist => both(|split| fashion_mnist::folder(path, split))?,
            DataSource::ImageFolder => folders(path, config)?,
        };
        for set in std::iter::once(&data.train).chain(&data.test) {
            let got = set.image_shape();
            if (got.channels, got.height, got.width) != (config.channels, config.image_size, config.image_size) {
                return Err(TaskError::ImageShape { got, size: config.image_size, channels: config.channels });
            }
        }
        Ok(data)
    }
}

fn both(open: impl Fn(Split) -> Result<ArrayDataset, lzn_data::DataError>) -> Result<RunData, TaskError> {
    Ok(RunData { train: Arc::new(open(Split::Train)?), test: Some(Arc::new(open(Split::Test)?)) })
}

/// `path/train` and `path/test` (or `path/val`) if there is a `train` folder, else the folder itself without a test part.
fn folders(path: &Path, config: &DataConfig) -> Result<RunData, TaskError> {
    let images = ImageConfig { size: config.image_size, colour: colour(config.channels) };
    let open = |folder: &Path| Ok::<Arc<dyn Dataset>, TaskError>(Arc::new(ImageFolder::open(folder, images)?));
    let train = path.join("train");
    if !train.is_dir() {
        return Ok(RunData { train: open(path)?, test: None });
    }
    let test = ["test", "val"].map(|name| path.join(name)).into_iter().find(|folder| folder.is_dir());
    Ok(RunData { train: open(&train)?, test: test.as_deref().map(open).transpose()? })
}

/// The colour of images with this many channels.
pub fn colour(channels: usize) -> Colour {
    if channels == 1 { Colour::Grey } else { Colour::Rgb }
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
    let shape = data.image_shape();
    let mut images = Array4::zeros((indices.len(), shape.channels, shape.height, shape.width));
    let mut labels = Vec::new();
    for (mut slot, &index) in images.outer_iter_mut().zip(indices) {
        let sample = data.read(index)?;
        slot.assign(&sample.image);
        labels.extend(sample.label);
    }
    Ok((to_tensor(&images, device), labels))
}
