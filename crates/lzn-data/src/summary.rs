//! What a person wants to know about a data set.

use std::collections::HashSet;
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
    /// The texts; `None` if the data set has none.
    pub texts: Option<TextSummary>,
}

/// How many texts there are, and of what kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSummary {
    /// Samples that have a text.
    pub samples: usize,
    /// Different texts.
    pub distinct: usize,
    /// Bytes of the shortest and of the longest in UTF-8.
    pub bytes: [usize; 2],
    /// The first few different texts, in the order of the samples.
    pub first: Vec<String>,
}

/// Texts that a summary repeats.
const SHOWN: usize = 5;

impl TextSummary {
    /// Reads all texts of `data`; `None` if there are none.
    ///
    /// # Errors
    /// Those of [`Dataset::text`].
    pub fn of(data: &dyn Dataset) -> Result<Option<Self>, DataError> {
        if !data.has_texts() {
            return Ok(None);
        }
        let (mut samples, mut bytes, mut seen, mut first) = (0, [usize::MAX, 0], HashSet::new(), Vec::new());
        for index in 0..data.len() {
            let Some(text) = data.text(index)? else { continue };
            samples += 1;
            bytes = [bytes[0].min(text.len()), bytes[1].max(text.len())];
            if seen.insert(text.clone()) && first.len() < SHOWN {
                first.push(text);
            }
        }
        Ok((samples > 0).then_some(Self { samples, distinct: seen.len(), bytes, first }))
    }
}

impl fmt::Display for TextSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, distinct, bytes: [shortest, longest], first } = self;
        write!(f, "{samples}, {distinct} different, {shortest} to {longest} bytes: {}", first.join("; "))?;
        if first.len() < *distinct { write!(f, "; ...") } else { Ok(()) }
    }
}

impl DataSummary {
    /// Counts the labels of `data` and reads its texts.
    ///
    /// # Errors
    /// Those of [`Dataset::label`] and [`Dataset::text`].
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
        let (samples, image_shape) = (data.len(), data.image_shape());
        Ok(Self { samples, image_shape, per_class, texts: TextSummary::of(data)? })
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
        }?;
        match &self.texts {
            Some(texts) => write!(f, ", texts of {} images, {} different", texts.samples, texts.distinct),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::{ArrayDataset, ClassTexts, Split, fashion_mnist};

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

        let texts = DataSummary::of(&ClassTexts::new(data)).expect("texts").texts.expect("class names");
        assert_eq!(texts.to_string(), "3, 2 different, 1 to 1 bytes: b; a");

        let unlabelled = ArrayDataset::unlabelled(Array4::zeros((3, 1, 2, 2))).expect("valid");
        assert_eq!(DataSummary::of(&unlabelled).expect("labels").to_string(), "3 images [1, 2, 2], no labels");
    }
}
