//! What a file or folder of images is.

use std::fmt;
use std::path::Path;

use crate::{DataError, cifar10, image_text, imagenet, packed, webdataset};

/// How a data set is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The four files of Fashion-MNIST.
    FashionMnist,
    /// The batches of CIFAR-10, binary or of Python, or an archive of them.
    Cifar10,
    /// The official tar files of ImageNet.
    Imagenet,
    /// Tar shards whose members belong together by name.
    Webdataset,
    /// A data base of LMDB.
    Lmdb,
    /// A packed file.
    Packed,
    /// PNG and JPEG files with a table of their texts and labels.
    ImageText,
    /// PNG and JPEG files, in class folders or without.
    ImageFolder,
}

impl Kind {
    /// Its name as `data.source` in a configuration.
    pub fn source(self) -> &'static str {
        match self {
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
            Self::Imagenet => "imagenet",
            Self::Webdataset => "webdataset",
            Self::Lmdb => "lmdb",
            Self::Packed => "packed",
            Self::ImageText => "image-text",
            Self::ImageFolder => "image-folder",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FashionMnist => "the files of Fashion-MNIST",
            Self::Cifar10 => "batches of CIFAR-10",
            Self::Imagenet => "the official tar files of ImageNet",
            Self::Webdataset => "tar shards (WebDataset)",
            Self::Lmdb => "a data base of LMDB",
            Self::Packed => "a packed file",
            Self::ImageText => "image files with a table",
            Self::ImageFolder => "a folder of image files",
        })
    }
}

/// Looks at names, and at the beginning of a file, and says what it is.
///
/// # Errors
/// [`DataError::Missing`] when there is nothing; [`DataError::Damaged`] for a file that is none of these.
pub fn detect(path: &Path) -> Result<Kind, DataError> {
    if !path.exists() {
        let remedy = "give a file or folder of images".to_owned();
        return Err(DataError::Missing { path: path.to_owned(), remedy });
    }
    let has = |name: &str| path.join(name).is_file();
    let kinds = [
        (packed::is_packed(path), Kind::Packed),
        (cifar10::is_here(path), Kind::Cifar10),
        (has(imagenet::TRAIN), Kind::Imagenet),
        (has("data.mdb"), Kind::Lmdb),
        (["t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"].into_iter().any(has), Kind::FashionMnist),
        (path.extension().is_some_and(|ending| ending == "tar"), Kind::Webdataset),
        (path.is_dir() && webdataset::has_shards(path), Kind::Webdataset),
        (path.is_dir() && image_text::is_here(path), Kind::ImageText),
        (path.is_dir(), Kind::ImageFolder),
    ];
    kinds.into_iter().find(|(fits, _)| *fits).map(|(_, kind)| kind).ok_or_else(|| DataError::Damaged {
        path: path.to_owned(),
        reason: "is no packed file, no tar file and no archive of CIFAR-10".to_owned(),
        remedy: "give one of these or a folder",
    })
}
