//! The container in which samples of any data type travel.

use tch::{Device, Kind, Tensor};

use crate::TaskError;

/// Samples of one data type: rows of a tensor, or texts.
///
/// What a row means is between the encoder and the decoder of the type; whoever carries samples only counts and selects them. A
/// type of your own needs no variant of its own: whatever can be batched is rows of a tensor, whatever cannot is a text.
#[derive(Debug)]
pub enum Samples {
    /// One sample per row of the first dimension, of any kind and shape.
    Rows(Tensor),
    /// One sample per text.
    Texts(Vec<String>),
}

impl Samples {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.size().first().map_or(0, |count| *count as usize),
            Self::Texts(texts) => texts.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tensor of rows.
    ///
    /// # Errors
    /// [`TaskError::Samples`] for texts.
    pub fn rows(&self) -> Result<&Tensor, TaskError> {
        match self {
            Self::Rows(rows) => Ok(rows),
            Self::Texts(_) => Err(TaskError::Samples { wanted: "rows of a tensor", got: "texts" }),
        }
    }

    /// The texts.
    ///
    /// # Errors
    /// [`TaskError::Samples`] for rows of a tensor.
    pub fn texts(&self) -> Result<&[String], TaskError> {
        match self {
            Self::Texts(texts) => Ok(texts),
            Self::Rows(_) => Err(TaskError::Samples { wanted: "texts", got: "rows of a tensor" }),
        }
    }

    /// `count` samples from the `first` on. Rows share their storage.
    #[must_use]
    pub fn narrow(&self, first: usize, count: usize) -> Self {
        match self {
            Self::Rows(rows) => Self::Rows(rows.narrow(0, first as i64, count as i64)),
            Self::Texts(texts) => Self::Texts(texts[first..first + count].to_vec()),
        }
    }

    /// The samples at these places, in this order.
    #[must_use]
    pub fn select(&self, places: &[i64]) -> Self {
        match self {
            Self::Rows(rows) => Self::Rows(rows.index_select(0, &Tensor::from_slice(places).to_device(rows.device()))),
            Self::Texts(texts) => Self::Texts(places.iter().map(|place| texts[*place as usize].clone()).collect()),
        }
    }

    /// Every sample `times` times, one after the other.
    #[must_use]
    pub fn repeat_each(&self, times: usize) -> Self {
        let places: Vec<i64> = (0..self.len() as i64).flat_map(|place| std::iter::repeat_n(place, times)).collect();
        self.select(&places)
    }

    /// All samples one after the other.
    ///
    /// # Errors
    /// [`TaskError::Samples`] if rows and texts would be mixed, [`TaskError::Tch`] for rows of different shapes.
    pub fn cat(parts: &[Self]) -> Result<Self, TaskError> {
        match parts {
            [] => Ok(Self::Texts(Vec::new())),
            [Self::Texts(_), ..] => {
                let texts = parts.iter().map(Self::texts).collect::<Result<Vec<_>, _>>()?;
                Ok(Self::Texts(texts.concat()))
            }
            [Self::Rows(_), ..] => {
                let rows = parts.iter().map(Self::rows).collect::<Result<Vec<_>, _>>()?;
                Ok(Self::Rows(Tensor::f_cat(&rows, 0)?))
            }
        }
    }

    /// Rows on `device`; texts as they are.
    #[must_use]
    pub fn to_device(&self, device: Device) -> Self {
        match self {
            Self::Rows(rows) => Self::Rows(rows.to_device(device)),
            Self::Texts(texts) => Self::Texts(texts.clone()),
        }
    }
}

impl Clone for Samples {
    /// Rows share their storage with the original.
    fn clone(&self) -> Self {
        match self {
            Self::Rows(rows) => Self::Rows(rows.shallow_clone()),
            Self::Texts(texts) => Self::Texts(texts.clone()),
        }
    }
}

impl PartialEq for Samples {
    /// Equal kinds, shapes and values.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Rows(a), Self::Rows(b)) => a.kind() == b.kind() && a.size() == b.size() && a.equal(b),
            (Self::Texts(a), Self::Texts(b)) => a == b,
            _ => false,
        }
    }
}

impl From<Tensor> for Samples {
    fn from(rows: Tensor) -> Self {
        Self::Rows(rows)
    }
}

impl From<&[i64]> for Samples {
    fn from(numbers: &[i64]) -> Self {
        Self::Rows(Tensor::from_slice(numbers))
    }
}

impl From<&[&str]> for Samples {
    fn from(texts: &[&str]) -> Self {
        Self::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
    }
}

/// An empty tensor `[0, shape...]`.
pub(crate) fn none(shape: &[i64], kind: Kind, device: Device) -> Tensor {
    let shape: Vec<i64> = std::iter::once(0).chain(shape.iter().copied()).collect();
    Tensor::zeros(shape.as_slice(), (kind, device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_texts_are_counted_selected_and_joined_alike() {
        for samples in [Samples::from([7_i64, 8, 9].as_slice()), Samples::from(["a", "b", "c"].as_slice())] {
            assert_eq!((samples.len(), samples.is_empty()), (3, false));
            let parts = [samples.narrow(0, 1), samples.narrow(1, 2)];
            assert_eq!(Samples::cat(&parts).unwrap(), samples);
            assert_eq!(samples.select(&[2, 0]).select(&[1]), samples.narrow(0, 1));
            assert_eq!(samples.repeat_each(2), samples.select(&[0, 0, 1, 1, 2, 2]));
            assert_ne!(samples, samples.select(&[0, 1]));
        }
    }

    #[test]
    fn what_is_wanted_and_what_is_there_are_both_said() {
        let (rows, texts) = (Samples::from([1_i64].as_slice()), Samples::from(["a"].as_slice()));
        let message = rows.texts().unwrap_err().to_string();
        assert!(message.contains("rows of a tensor") && message.contains("texts"), "{message}");
        assert!(texts.rows().is_err() && Samples::cat(&[rows, texts]).is_err());
    }
}
