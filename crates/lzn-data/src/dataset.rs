//! What a data set is: samples by index.

use std::{fmt, sync::Arc};

use ndarray::Array3;

use crate::{DataError, Look};

/// Images of one shape with labels, texts, both or neither, read by index.
///
/// Reading is `&self` and must give the same sample each time: worker threads read at once and in any order.
pub trait Dataset: Send + Sync {
    /// Number of samples.
    fn len(&self) -> usize;

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of every image.
    fn image_shape(&self) -> ImageShape;

    /// Names of the classes; the position is the label. Empty when samples have no labels.
    fn class_names(&self) -> &[String];

    /// Number of classes; 0 when samples have no labels.
    fn classes(&self) -> usize {
        self.class_names().len()
    }

    /// Reads one sample.
    ///
    /// # Errors
    /// [`DataError::IndexOutOfRange`] unless `index < len()`; errors of the data set's files.
    fn read(&self, index: usize) -> Result<Sample, DataError>;

    /// Reads one sample with its image as it was stored, of any height and width: what random crops are cut out of.
    /// Data sets whose images were brought to their common shape override this.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    fn read_whole(&self, index: usize) -> Result<Sample, DataError> {
        self.read(index)
    }

    /// The label of one sample. Data sets that know labels without reading the image override this.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        Ok(self.read(index)?.label)
    }

    /// Whether some samples may lack a label although there are classes. Elsewhere a missing label is a fault, which is refused.
    fn partly_labelled(&self) -> bool {
        false
    }

    /// Whether samples may have texts.
    fn has_texts(&self) -> bool {
        false
    }

    /// The text of one sample. Data sets that know texts without reading the image override this.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    fn text(&self, index: usize) -> Result<Option<String>, DataError> {
        Ok(self.read(index)?.text)
    }

    /// How one image is stored. Data sets of encoded images override this.
    ///
    /// # Errors
    /// As [`Dataset::read_whole`].
    fn look(&self, index: usize) -> Result<Look, DataError> {
        let (channels, height, width) = self.read_whole(index)?.image.dim();
        Ok(Look { height, width, mode: if channels == 1 { "grey" } else { "rgb" } })
    }

    /// Images that could not be read so far and were replaced, each as the message that names it ([`SkipBad`](crate::SkipBad)).
    fn bad_images(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One image, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// uint8 image, `[C, H, W]`, 0 black to 255 full.
    pub image: Array3<u8>,
    /// Label in `0..classes`; `None` in a data set without labels.
    pub label: Option<i64>,
    /// What the image shows, in words; `None` in a data set without texts.
    pub text: Option<String>,
}

impl Sample {
    /// An image with its label and without a text.
    pub fn new(image: Array3<u8>, label: Option<i64>) -> Self {
        Self { image, label, text: None }
    }
}

/// Shape of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// 1 (grey) or 3 (red, green, blue) in the data sets of this crate.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// Shape of a `[C, H, W]` array with the given dimensions.
    pub fn from_dim((channels, height, width): (usize, usize, usize)) -> Self {
        Self { channels, height, width }
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}, {}]", self.channels, self.height, self.width)
    }
}

/// One of the two customary parts of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// What networks learn from.
    Train,
    /// What they are judged by.
    Test,
}

impl Split {
    /// Its name: `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    /// The sub-folders that a part may be in.
    pub(crate) fn folders(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train"],
            Self::Test => &["test", "val"],
        }
    }
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn image_shape(&self) -> ImageShape {
        (**self).image_shape()
    }

    fn class_names(&self) -> &[String] {
        (**self).class_names()
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        (**self).read(index)
    }

    fn read_whole(&self, index: usize) -> Result<Sample, DataError> {
        (**self).read_whole(index)
    }

    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        (**self).label(index)
    }

    fn partly_labelled(&self) -> bool {
        (**self).partly_labelled()
    }

    fn has_texts(&self) -> bool {
        (**self).has_texts()
    }

    fn text(&self, index: usize) -> Result<Option<String>, DataError> {
        (**self).text(index)
    }

    fn look(&self, index: usize) -> Result<Look, DataError> {
        (**self).look(index)
    }

    fn bad_images(&self) -> Vec<String> {
        (**self).bad_images()
    }
}

/// Refuses an index past the end.
pub(crate) fn check_index(index: usize, len: usize) -> Result<(), DataError> {
    if index < len { Ok(()) } else { Err(DataError::IndexOutOfRange { index, len }) }
}
