//! Some samples of another data set.

use crate::{DataError, Dataset, ImageShape, Look, Sample, dataset::check_index};

/// Chosen samples of a data set, in the order of the choice. Classes and shapes stay those of the whole.
#[derive(Debug, Clone)]
pub struct Subset<D> {
    whole: D,
    indices: Vec<usize>,
}

impl<D: Dataset> Subset<D> {
    /// The samples `indices` of `whole`.
    ///
    /// # Errors
    /// [`DataError::IndexOutOfRange`] when the data set has no such sample.
    pub fn new(whole: D, indices: Vec<usize>) -> Result<Self, DataError> {
        for &index in &indices {
            check_index(index, whole.len())?;
        }
        Ok(Self { whole, indices })
    }

    /// The first `limit` samples, or all when there are fewer.
    pub fn first(whole: D, limit: usize) -> Self {
        let indices = (0..whole.len().min(limit)).collect();
        Self { whole, indices }
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn image_shape(&self) -> ImageShape {
        self.whole.image_shape()
    }

    fn class_names(&self) -> &[String] {
        self.whole.class_names()
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        check_index(index, self.len())?;
        self.whole.read(self.indices[index])
    }

    fn read_whole(&self, index: usize) -> Result<Sample, DataError> {
        check_index(index, self.len())?;
        self.whole.read_whole(self.indices[index])
    }

    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        check_index(index, self.len())?;
        self.whole.label(self.indices[index])
    }

    fn partly_labelled(&self) -> bool {
        self.whole.partly_labelled()
    }

    fn has_texts(&self) -> bool {
        self.whole.has_texts()
    }

    fn text(&self, index: usize) -> Result<Option<String>, DataError> {
        check_index(index, self.len())?;
        self.whole.text(self.indices[index])
    }

    fn look(&self, index: usize) -> Result<Look, DataError> {
        check_index(index, self.len())?;
        self.whole.look(self.indices[index])
    }

    fn bad_images(&self) -> Vec<String> {
        self.whole.bad_images()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::ArrayDataset;

    fn whole() -> ArrayDataset {
        let images = Array4::from_shape_fn((5, 1, 2, 2), |(n, ..)| n as u8);
        ArrayDataset::labelled(images, vec![0, 1, 2, 1, 0], ["a", "b", "c"].map(String::from).to_vec()).expect("valid")
    }

    #[test]
    fn samples_come_in_the_order_of_the_choice() {
        let subset = Subset::new(whole(), vec![4, 1]).expect("valid");
        assert_eq!((subset.len(), subset.classes()), (2, 3));
        for (index, chosen) in [(0, 4), (1, 1)] {
            assert_eq!(subset.read(index).expect("in range"), whole().read(chosen).expect("in range"));
            assert_eq!(subset.label(index).expect("in range"), whole().label(chosen).expect("in range"));
        }
        assert!(matches!(subset.read(2), Err(DataError::IndexOutOfRange { index: 2, len: 2 })));
    }

    #[test]
    fn indices_past_the_end_are_refused_and_limits_are_cut() {
        assert!(matches!(Subset::new(whole(), vec![5]), Err(DataError::IndexOutOfRange { index: 5, len: 5 })));
        assert_eq!(Subset::first(whole(), 3).len(), 3);
        assert_eq!(Subset::first(whole(), 30).len(), 5);
    }
}
