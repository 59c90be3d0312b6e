//! Configuration of the data set.

use std::path::PathBuf;

use lzn_data::{Kind, TableConfig};
use serde::{Deserialize, Serialize};

use super::invalid;
use crate::ConfigError;

pub use lzn_data::AugmentConfig;

/// Where images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataSource {
    /// The 10,000 training and 10,000 test images of Fashion-MNIST that ship with the project.
    FashionMnistEmbedded,
    /// The four original Fashion-MNIST files in `data.path`.
    FashionMnist,
    /// PNG and JPEG files below `data.path` with a table of their texts and labels, `captions.csv`, `metadata.csv` or `metadata.jsonl`.
    ImageText,
    /// PNG and JPEG files below `data.path`: `train/CLASS/*`, `test/CLASS/*`, or one folder without classes.
    ImageFolder,
    /// CIFAR-10 in its own files, binary or of Python, unpacked or not.
    Cifar10,
    /// The official tar files of ImageNet (ILSVRC 2012) in the folder `data.path`, read in place.
    Imagenet,
    /// Tar shards in the folder `data.path`, or below it in `train` and `test` or `val`.
    Webdataset,
    /// A data base of LMDB, as LSUN is distributed: the folder that holds `data.mdb`. Needs the feature `lmdb`.
    Lmdb,
    /// A file of `lzn data pack`: images that are decoded already.
    Packed,
    /// Whatever a program feeds that builds its model itself; `lzn` cannot open it.
    Custom,
}

impl From<Kind> for DataSource {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::FashionMnist => Self::FashionMnist,
            Kind::Cifar10 => Self::Cifar10,
            Kind::Imagenet => Self::Imagenet,
            Kind::Webdataset => Self::Webdataset,
            Kind::Lmdb => Self::Lmdb,
            Kind::Packed => Self::Packed,
            Kind::ImageText => Self::ImageText,
            Kind::ImageFolder => Self::ImageFolder,
        }
    }
}

/// What the texts of samples are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextSource {
    /// Those of the data set, if it has any.
    #[default]
    Own,
    /// The names of classes.
    ClassNames,
}

impl TextSource {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The data set and its random transforms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Where images come from.
    pub source: DataSource,
    /// The folder or file; needed unless the data is embedded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Side of the square images in pixels.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub image_size: usize,
    /// Pixels that the shorter side of an image file is brought to before the middle is cut out, wherever an image is
    /// not cropped at random; without it, the largest square in the middle becomes the image. Published for
    /// representations: 256 for images of 224 pixels. Data sets whose images have one size already are taken as they
    /// are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<usize>,
    /// 1 for grey, 3 for colour.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub channels: usize,
    /// Red, green and blue of what lies behind images that are transparent in places; without it alpha is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<[u8; 3]>,
    /// What the texts of samples are.
    #[serde(default, skip_serializing_if = "TextSource::is_default")]
    pub texts: TextSource,
    /// `image-text`: which columns of the table mean what, and what is held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableConfig>,
    /// Go on when an image file cannot be decoded, with the next one of its class in its place, and name it; without, it ends the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad: bool,
    /// Random transforms in training. Published: horizontal flip; for two views, what [`AugmentConfig::VIEWS`] holds.
    #[serde(default)]
    pub augment: AugmentConfig,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl DataConfig {
    /// No images, but what a program feeds.
    pub(super) fn custom() -> Self {
        let augment = AugmentConfig { flip: false, ..AugmentConfig::default() };
        Self {
            source: DataSource::Custom,
            path: None,
            image_size: 0,
            resize: None,
            channels: 0,
            background: None,
            texts: TextSource::Own,
            table: None,
            skip_bad: false,
            augment,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.image_size == 0 {
            return Err(invalid("data.image_size", "must be at least 1"));
        }
        if let Some(resize) = self.resize.filter(|resize| *resize < self.image_size) {
            return Err(invalid(
                "data.resize",
                format!("must be at least data.image_size, {}, got {resize}", self.image_size),
            ));
        }
        if self.channels != 1 && self.channels != 3 {
            return Err(invalid("data.channels", format!("must be 1 (grey) or 3 (colour), got {}", self.channels)));
        }
        if self.path.is_none() && self.source != DataSource::FashionMnistEmbedded {
            return Err(invalid(
                "data.path",
                "must name the folder or file of the data set; only embedded data needs none",
            ));
        }
        if self.table.is_some() && self.source != DataSource::ImageText {
            return Err(invalid("data.table", "belongs to source = \"image-text\""));
        }
        if let Some(share) =
            self.table.as_ref().and_then(|table| table.hold_out).filter(|share| !(*share > 0.0 && *share < 1.0))
        {
            return Err(invalid("data.table.hold_out", format!("must lie in (0, 1), got {share}")));
        }
        Ok(())
    }
}
