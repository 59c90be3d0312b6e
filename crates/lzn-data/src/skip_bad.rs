//! Data sets with images that cannot be decoded.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{DataError, Dataset, ImageShape, Look, Sample, dataset::check_index};

/// A data set in whose place of an unreadable image the next readable one of the same class is given, and which keeps account of them.
///
/// What stands in for an image is fixed by the data set alone, so batches stay a function of seed and step, whatever the number of
/// workers; and the label of every index stays what it was. Files that are missing, and disks that fail, are errors as before.
#[derive(Debug)]
pub struct SkipBad<D> {
    whole: D,
    /// Indices of each label in rising order; empty when there are no labels.
    by_label: HashMap<i64, Vec<usize>>,
    bad: Mutex<BTreeMap<usize, String>>,
}

/// Unreadable images in a row, after which it is not a matter of some bad files.
const IN_A_ROW: usize = 100;

impl<D: Dataset> SkipBad<D> {
    /// Wraps a data set.
    ///
    /// # Errors
    /// Those of [`Dataset::label`].
    pub fn new(whole: D) -> Result<Self, DataError> {
        let mut by_label: HashMap<i64, Vec<usize>> = HashMap::new();
        if whole.classes() > 0 {
            for index in 0..whole.len() {
                if let Some(label) = whole.label(index)? {
                    by_label.entry(label).or_default().push(index);
                }
            }
        }
        Ok(Self { whole, by_label, bad: Mutex::default() })
    }

    fn bad(&self) -> MutexGuard<'_, BTreeMap<usize, String>> {
        // A map of texts is whole at every moment.
        self.bad.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index itself, then those after it of the same class, around the end to the beginning.
    fn candidates(&self, index: usize) -> Result<Box<dyn Iterator<Item = usize> + '_>, DataError> {
        let len = self.whole.len();
        let class = match self.by_label.is_empty() {
            true => None,
            false => self.whole.label(index)?.and_then(|label| self.by_label.get(&label)),
        };
        Ok(match class {
            Some(class) => {
                let start = class.partition_point(|other| *other < index);
                Box::new((0..class.len()).map(move |step| class[(start + step) % class.len()]))
            }
            None => Box::new((0..len).map(move |step| (index + step) % len)),
        })
    }

    fn read_with<T>(&self, index: usize, read: impl Fn(usize) -> Result<T, DataError>) -> Result<T, DataError> {
        check_index(index, self.whole.len())?;
        let mut failure = None;
        for candidate in self.candidates(index)?.take(IN_A_ROW) {
            if self.bad().contains_key(&candidate) {
                continue;
            }
            match read(candidate) {
                Err(error) if error.is_bad_image() => {
                    self.bad().insert(candidate, error.to_string());
                    failure = Some(error);
                }
                outcome => return outcome,
            }
        }
        Err(failure.unwrap_or(DataError::NoReadableImage { index, tried: IN_A_ROW.min(self.whole.len()) }))
    }
}

impl<D: Dataset> Dataset for SkipBad<D> {
    fn len(&self) -> usize {
        self.whole.len()
    }

    fn image_shape(&self) -> ImageShape {
        self.whole.image_shape()
    }

    fn class_names(&self) -> &[String] {
        self.whole.class_names()
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        self.read_with(index, |index| self.whole.read(index))
    }

    fn read_whole(&self, index: usize) -> Result<Sample, DataError> {
        self.read_with(index, |index| self.whole.read_whole(index))
    }

    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        self.whole.label(index)
    }

    fn partly_labelled(&self) -> bool {
        self.whole.partly_labelled()
    }

    fn has_texts(&self) -> bool {
        self.whole.has_texts()
    }

    /// The text of the sample itself: an image that stands in for another brings its own.
    fn text(&self, index: usize) -> Result<Option<String>, DataError> {
        self.whole.text(index)
    }

    fn look(&self, index: usize) -> Result<Look, DataError> {
        self.whole.look(index)
    }

    fn bad_images(&self) -> Vec<String> {
        self.bad().values().cloned().collect()
    }
}
