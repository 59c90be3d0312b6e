//! Folders of PNG and JPEG files as a data set.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    DataError, ImageConfig, Split,
    decode::{has_image_ending, io_error, read_file},
    encoded::{EncodedImages, Store},
};

/// The PNG and JPEG files of a folder, read when they are needed.
///
/// Either every class has a sub-folder, named like the class, or the images lie in the folder itself and have no
/// labels. Classes and files are sorted by name, byte by byte, so order and labels are the same on every machine. Files
/// with other endings, names that start with a dot, and folders further down are left out.
pub type ImageFolder = EncodedImages<Files>;

/// Image files and their labels.
#[derive(Debug, Clone)]
pub struct Files(Vec<(PathBuf, Option<i64>)>);

impl Store for Files {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn label(&self, index: usize) -> Option<i64> {
        self.0[index].1
    }

    fn name(&self, index: usize) -> PathBuf {
        self.0[index].0.clone()
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, DataError> {
        read_file(&self.0[index].0)
    }
}

impl ImageFolder {
    /// Lists the files of `folder`; images are decoded when they are read.
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
                Self::new(Files(files), Vec::new(), config)
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
        Self::new(Files(files), folders.iter().map(|folder| name_of(folder)).collect(), config)
    }

    /// The folder of a part: of a folder with a sub-folder `train` that one, and `test` or `val` beside it; a folder without is
    /// all to learn from.
    pub fn part(folder: &Path, split: Split) -> Option<PathBuf> {
        let find = |split: Split| split.folders().iter().map(|name| folder.join(name)).find(|part| part.is_dir());
        match (split, find(Split::Train)) {
            (Split::Train, train) => Some(train.unwrap_or_else(|| folder.to_owned())),
            (Split::Test, Some(_)) => find(Split::Test),
            (Split::Test, None) => None,
        }
    }

    /// The file of a sample; `None` past the end.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.store().0.get(index).map(|(path, _)| path.as_path())
    }
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

pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn empty(folder: &Path) -> DataError {
    DataError::Empty { path: folder.to_owned(), remedy: "put PNG or JPEG files there, or remove the folder" }
}
