//! Data sets of encoded images, wherever their bytes lie.

use std::fmt;
use std::path::PathBuf;

use crate::{
    DataError, Dataset, ImageConfig, ImageShape, Look, Sample,
    dataset::check_index,
    decode::{decode_bytes, fit, look, unreadable},
};

/// Where the bytes of images lie: files, members of archives, records of a data base.
pub trait Store: Send + Sync + fmt::Debug {
    /// Number of images.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Label of an image in `0..classes`; `None` in a store without labels.
    fn label(&self, index: usize) -> Option<i64>;

    /// Whether some images may lack a label although there are classes.
    fn partly_labelled(&self) -> bool {
        false
    }

    /// Whether images may have texts.
    fn has_texts(&self) -> bool {
        false
    }

    /// Text of an image.
    ///
    /// # Errors
    /// Those of the files that hold it.
    fn text(&self, _index: usize) -> Result<Option<String>, DataError> {
        Ok(None)
    }

    /// How errors name an image.
    fn name(&self, index: usize) -> PathBuf;

    /// The bytes of an image file.
    ///
    /// # Errors
    /// Those of the files that hold them.
    fn bytes(&self, index: usize) -> Result<Vec<u8>, DataError>;
}

/// The images of a [`Store`], decoded and brought to one shape when they are read.
#[derive(Debug, Clone)]
pub struct EncodedImages<S> {
    store: S,
    class_names: Vec<String>,
    config: ImageConfig,
}

impl<S: Store> EncodedImages<S> {
    /// The images of `store`, whose labels are positions in `class_names`.
    ///
    /// # Errors
    /// [`DataError::ImageSizeZero`] and [`DataError::ResizeBelowSize`].
    pub fn new(store: S, class_names: Vec<String>, config: ImageConfig) -> Result<Self, DataError> {
        config.check()?;
        Ok(Self { store, class_names, config })
    }

    /// Where the bytes lie.
    pub fn store(&self) -> &S {
        &self.store
    }
}

impl<S: Store> Dataset for EncodedImages<S> {
    fn len(&self) -> usize {
        self.store.len()
    }

    fn image_shape(&self) -> ImageShape {
        self.config.shape()
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        let whole = self.read_whole(index)?;
        let image = fit(whole.image.view(), &self.config)
            .map_err(|error| unreadable(&self.store.name(index), error.to_string()))?;
        Ok(Sample { image, ..whole })
    }

    fn read_whole(&self, index: usize) -> Result<Sample, DataError> {
        check_index(index, self.len())?;
        let image = decode_bytes(&self.store.name(index), &self.store.bytes(index)?, &self.config)?;
        Ok(Sample { image, label: self.store.label(index), text: self.store.text(index)? })
    }

    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        check_index(index, self.len())?;
        Ok(self.store.label(index))
    }

    fn partly_labelled(&self) -> bool {
        self.store.partly_labelled()
    }

    fn has_texts(&self) -> bool {
        self.store.has_texts()
    }

    fn text(&self, index: usize) -> Result<Option<String>, DataError> {
        check_index(index, self.len())?;
        self.store.text(index)
    }

    fn look(&self, index: usize) -> Result<Look, DataError> {
        check_index(index, self.len())?;
        look(&self.store.name(index), &self.store.bytes(index)?)
    }
}
