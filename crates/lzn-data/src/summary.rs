//! What a person wants to know about a data set.

use std::fmt;

use crate::{DataError, Dataset, ImageShape};

/// Size, shape and balance of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSummary {
    /// Number of samples.
    pub samples: usize,
    /// Shape of every image.
    pub image_shape: ImageShape,
    /// Name and number of samples of every class, in label order; empty when there are no labels.
    pub per_class: Vec<(String, usize)>,
}

impl DataSummary {
    /// Counts the labels of `data`.
    ///
    /// # Errors
    /// Those of [`Dataset::label`].
    pub fn of(data: &dyn Dataset) -> Result<Self, DataError> {
        let mut per_class: Vec<(String, usize)> = data.class_names().iter().map(|name| (name.clone(), 0)).collect();
        if !per_class.is_empty() {
            for index in 0..data.len() {
                let class = data.label(index)?.and_then(|label| usize::try_from(label).ok());
                if let Some((_, count)) = class.and_then(|class| per_class.get_mut(class)) {
                    *count += 1;
                }
            }
        }
        Ok(Self { samples: data.len(), image_shape: data.image_shape(), per_class })
    }
}

impl fmt::Display for DataSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} images {}", self.samples, self.image_shape)?;
        let counts = self.per_class.iter().map(|(_, count)| *count);
        match (counts.clone().min(), counts.max()) {
            (Some(min), Some(max)) if min == max => write!(f, ", {} classes of {min}", self.per_class.len()),
            (Some(min), Some(max)) => write!(f, ", {} classes of {min} to {max}", self.per_class.len()),
            _ => write!(f, ", no labels"),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::{ArrayDataset, Split, fashion_mnist};

    #[test]
    fn the_embedded_sets_are_balanced() {
        for split in [Split::Train, Split::Test] {
            let summary = DataSummary::of(&fashion_mnist::embedded(split).expect("embedded")).expect("labels");
            assert_eq!(summary.to_string(), "10000 images [1, 28, 28], 10 classes of 1000");
        }
    }

    #[test]
    fn classes_are_counted_by_label() {
        let names = ["a", "b"].map(String::from).to_vec();
        let data = ArrayDataset::labelled(Array4::zeros((3, 1, 2, 2)), vec![1, 0, 1], names).expect("valid");
        let summary = DataSummary::of(&data).expect("labels");
        assert_eq!(summary.per_class, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(summary.to_string(), "3 images [1, 2, 2], 2 classes of 1 to 2");

        let unlabelled = ArrayDataset::unlabelled(Array4::zeros((3, 1, 2, 2))).expect("valid");
        assert_eq!(DataSummary::of(&unlabelled).expect("labels").to_string(), "3 images [1, 2, 2], no labels");
    }
}
