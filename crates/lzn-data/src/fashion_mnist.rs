//! Fashion-MNIST: the part that ships with the repository, and the full set from a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lzn_datasets::fashion_mnist::{CLASS_NAMES, DEBIAN_FOLDER, DEBIAN_PACKAGE, Files, SIDE, TEST, TRAIN};

use crate::{ArrayDataset, DataError, Split, idx};

/// The embedded data: 10,000 training images (1,000 of every class) or the complete test set of 10,000.
///
/// # Errors
/// None in practice: the embedded bytes are tested. The type is that of every other data set.
pub fn embedded(split: Split) -> Result<ArrayDataset, DataError> {
    let Files { images, images_path, labels, labels_path } = match split {
        Split::Train => TRAIN,
        Split::Test => TEST,
    };
    assemble((Path::new(images_path), images), (Path::new(labels_path), labels))
}

/// The full data from a folder with the original files: 60,000 training or 10,000 test images.
///
/// Files may be gzipped (`train-images-idx3-ubyte.gz`) or not; the gzipped one is taken when both exist.
///
/// # Errors
/// [`DataError::Missing`], which says how to get the files, and every error of reading them.
pub fn folder(path: &Path, split: Split) -> Result<ArrayDataset, DataError> {
    let prefix = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let images = find(path, &format!("{prefix}-images-idx3-ubyte"))?;
    let labels = find(path, &format!("{prefix}-labels-idx1-ubyte"))?;
    assemble((&images.0, &images.1), (&labels.0, &labels.1))
}

/// The first of `NAME.gz` and `NAME` that exists, with its bytes.
fn find(folder: &Path, name: &str) -> Result<(PathBuf, Vec<u8>), DataError> {
    let packed = folder.join(format!("{name}.gz"));
    for path in [packed.clone(), folder.join(name)] {
        match fs::read(&path) {
            Ok(bytes) => return Ok((path, bytes)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(source) => return Err(DataError::Io { path, source }),
        }
    }
    Err(DataError::Missing {
        path: packed,
        remedy: format!(
            "`{name}` was looked for too; on Debian and Ubuntu `apt-get install {DEBIAN_PACKAGE}` puts both sets into \
             {DEBIAN_FOLDER}, elsewhere see datasets/fashion-mnist/README.md; the embedded subset needs no files"
        ),
    })
}

fn assemble(images: (&Path, &[u8]), labels: (&Path, &[u8])) -> Result<ArrayDataset, DataError> {
    let (image_path, label_path) = (images.0, labels.0);
    let images = idx::images(image_path, images.1)?;
    let (_, _, height, width) = images.dim();
    if [height, width] != [SIDE; 2] {
        let path = image_path.to_owned();
        return Err(DataError::ImageSize { path, expected: [SIDE; 2], got: [height, width] });
    }
    let labels = idx::labels(label_path, labels.1)?;
    let class_names = CLASS_NAMES.iter().map(|&name| name.to_owned()).collect();
    ArrayDataset::from_files(images, image_path, labels, label_path, class_names)
}
