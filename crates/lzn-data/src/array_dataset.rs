//! A data set held in memory.

use std::path::Path;

use ndarray::{Array4, Axis};

use crate::{DataError, Dataset, ImageShape, Sample, dataset::check_index};

/// Images and labels in memory, checked once when they are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayDataset {
    images: Array4<u8>,
    labels: Vec<i64>,
    class_names: Vec<String>,
}

impl ArrayDataset {
    /// A data set of `images: [N, C, H, W]` without labels.
    ///
    /// # Errors
    /// [`DataError::Empty`] when there are no images or no pixels.
    pub fn unlabelled(images: Array4<u8>) -> Result<Self, DataError> {
        check_images(&images, Path::new("array"))?;
        Ok(Self { images, labels: Vec::new(), class_names: Vec::new() })
    }

    /// A data set of `images: [N, C, H, W]` with `labels: [N]` in `0..class_names.len()`.
    ///
    /// # Errors
    /// [`DataError::Empty`] when there are no images, [`DataError::CountMismatch`] when there are fewer or more labels,
    /// and [`DataError::LabelOutOfRange`].
    pub fn labelled(images: Array4<u8>, labels: Vec<i64>, class_names: Vec<String>) -> Result<Self, DataError> {
        let (image_source, label_source) = (Path::new("array of images"), Path::new("array of labels"));
        Self::from_files(images, image_source, labels, label_source, class_names)
    }

    /// As [`ArrayDataset::labelled`], for arrays that came from the named files.
    pub(crate) fn from_files(
        images: Array4<u8>,
        image_path: &Path,
        labels: Vec<i64>,
        label_path: &Path,
        class_names: Vec<String>,
    ) -> Result<Self, DataError> {
        check_images(&images, image_path)?;
        let (image_count, label_count, classes) = (images.dim().0, labels.len(), class_names.len());
        if image_count != label_count {
            let (images, labels) = (image_path.to_owned(), label_path.to_owned());
            return Err(DataError::CountMismatch { images, image_count, labels, label_count });
        }
        let in_range = |label: i64| usize::try_from(label).is_ok_and(|label| label < classes);
        if let Some(position) = labels.iter().position(|&label| !in_range(label)) {
            let (path, label) = (label_path.to_owned(), labels[position]);
            return Err(DataError::LabelOutOfRange { path, position, label, classes });
        }
        Ok(Self { images, labels, class_names })
    }

    /// All images, `[N, C, H, W]`.
    pub fn images(&self) -> &Array4<u8> {
        &self.images
    }

    /// All labels, `[N]`; empty when the data set has none.
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }
}

fn check_images(images: &Array4<u8>, source: &Path) -> Result<(), DataError> {
    if images.is_empty() {
        return Err(DataError::Empty {
            path: source.to_owned(),
            remedy: "give at least one image of at least one pixel",
        });
    }
    Ok(())
}

impl Dataset for ArrayDataset {
    fn len(&self) -> usize {
        self.images.dim().0
    }

    fn image_shape(&self) -> ImageShape {
        let (_, channels, height, width) = self.images.dim();
        ImageShape { channels, height, width }
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        check_index(index, self.len())?;
        Ok(Sample::new(self.images.index_axis(Axis(0), index).to_owned(), self.label(index)?))
    }

    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        check_index(index, self.len())?;
        Ok(self.labels.get(index).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    #[test]
    fn samples_are_the_rows_of_the_arrays() {
        let images = Array4::from_shape_fn((3, 2, 4, 5), |(n, c, h, w)| (n * 60 + c * 20 + h * 5 + w) as u8);
        let data = ArrayDataset::labelled(images.clone(), vec![1, 0, 1], names(2)).expect("valid");
        assert_eq!(data.image_shape(), ImageShape { channels: 2, height: 4, width: 5 });
        for (index, label) in [1, 0, 1].into_iter().enumerate() {
            let sample = data.read(index).expect("in range");
            assert_eq!((sample.image, sample.label), (images.index_axis(Axis(0), index).to_owned(), Some(label)));
        }
        let error = data.read(3).expect_err("past the end").to_string();
        assert_eq!(error, "sample 3 was asked for, but the data set has 3 (the first is 0)");
    }

    #[test]
    fn a_data_set_without_labels_gives_none() {
        let data = ArrayDataset::unlabelled(Array4::zeros((2, 1, 3, 3))).expect("valid");
        assert_eq!((data.classes(), data.read(1).expect("in range").label), (0, None));
    }

    #[test]
    fn wrong_label_counts_and_labels_are_refused() {
        let build = |labels| ArrayDataset::labelled(Array4::zeros((2, 1, 3, 3)), labels, names(2));
        assert!(matches!(build(vec![0]), Err(DataError::CountMismatch { image_count: 2, label_count: 1, .. })));
        for label in [-1, 2] {
            let refused = build(vec![0, label]);
            assert!(
                matches!(refused, Err(DataError::LabelOutOfRange { position: 1, label: got, classes: 2, .. }) if got == label)
            );
        }
        assert!(matches!(ArrayDataset::unlabelled(Array4::zeros((0, 1, 3, 3))), Err(DataError::Empty { .. })));
    }
}
