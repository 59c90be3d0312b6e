//! Class names as texts.

use crate::{DataError, Dataset, ImageShape, Look, Sample};

/// A data set whose samples have the names of their classes as texts: text as a data type where there are labels alone.
#[derive(Debug, Clone)]
pub struct ClassTexts<D>(D);

impl<D: Dataset> ClassTexts<D> {
    /// Wraps a data set. Samples without a label have no text.
    pub fn new(whole: D) -> Self {
        Self(whole)
    }

    fn named(&self, label: Option<i64>) -> Option<String> {
        label.and_then(|label| self.0.class_names().get(usize::try_from(label).ok()?)).cloned()
    }
}

impl<D: Dataset> Dataset for ClassTexts<D> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn image_shape(&self) -> ImageShape {
        self.0.image_shape()
    }

    fn class_names(&self) -> &[String] {
        self.0.class_names()
    }

    fn read(&self, index: usize) -> Result<Sample, DataError> {
        let sample = self.0.read(index)?;
        Ok(Sample { text: self.named(sample.label), ..sample })
    }

    fn read_whole(&self, index: usize) -> Result<Sample, DataError> {
        let sample = self.0.read_whole(index)?;
        Ok(Sample { text: self.named(sample.label), ..sample })
    }

    fn label(&self, index: usize) -> Result<Option<i64>, DataError> {
        self.0.label(index)
    }

    fn partly_labelled(&self) -> bool {
        self.0.partly_labelled()
    }

    fn has_texts(&self) -> bool {
        self.0.classes() > 0
    }

    fn text(&self, index: usize) -> Result<Option<String>, DataError> {
        Ok(self.named(self.0.label(index)?))
    }

    fn look(&self, index: usize) -> Result<Look, DataError> {
        self.0.look(index)
    }

    fn bad_images(&self) -> Vec<String> {
        self.0.bad_images()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::ArrayDataset;

    #[test]
    fn samples_have_the_names_of_their_classes() {
        let names = ["cat", "dog"].map(String::from).to_vec();
        let data = ArrayDataset::labelled(Array4::zeros((2, 1, 2, 2)), vec![1, 0], names).expect("valid");
        let data = ClassTexts::new(data);
        assert!(data.has_texts());
        let texts = (0..2).map(|index| data.text(index).expect("in range")).collect::<Vec<_>>();
        assert_eq!(texts, ["dog", "cat"].map(|name| Some(name.to_owned())));
        assert_eq!(data.read(0).expect("in range").text.as_deref(), Some("dog"));
        assert_eq!(data.read_whole(1).expect("in range").text.as_deref(), Some("cat"));
        assert!(data.text(2).is_err());

        let without = ClassTexts::new(ArrayDataset::unlabelled(Array4::zeros((1, 1, 2, 2))).expect("valid"));
        assert_eq!((without.has_texts(), without.text(0).expect("in range")), (false, None));
    }
}
