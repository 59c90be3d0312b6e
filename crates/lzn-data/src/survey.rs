//! What the images of a data set are like, found out by looking at some or all of them.

use std::collections::BTreeMap;

use crate::{DataError, Dataset, Look};

/// Sizes and modes of images, and those that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Number of images that were looked at.
    pub looked_at: usize,
    /// How many have which height and width, in pixels.
    pub sizes: BTreeMap<[usize; 2], usize>,
    /// How many have which mode ([`Look::mode`]).
    pub modes: BTreeMap<&'static str, usize>,
    /// Messages that name the images which cannot be decoded.
    pub bad: Vec<String>,
}

impl Survey {
    /// Decodes at most `most` images, evenly spaced; `progress` is called after each.
    ///
    /// # Errors
    /// Whatever is wrong with more than a single image.
    pub fn of(data: &dyn Dataset, most: usize, mut progress: impl FnMut()) -> Result<Self, DataError> {
        let (len, mut survey) = (data.len(), Self::default());
        let count = len.min(most);
        for number in 0..count {
            survey.looked_at += 1;
            // In 128 bits, for products of two lengths.
            match data.look((number as u128 * len as u128 / count as u128) as usize) {
                Ok(Look { height, width, mode }) => {
                    *survey.sizes.entry([height, width]).or_default() += 1;
                    *survey.modes.entry(mode).or_default() += 1;
                }
                Err(error) if error.is_bad_image() => survey.bad.push(error.to_string()),
                Err(error) => return Err(error),
            }
            progress();
        }
        Ok(survey)
    }

    /// The least shorter side, in pixels; `None` if no image could be read.
    pub fn shorter_side(&self) -> Option<usize> {
        self.sizes.keys().map(|[height, width]| *height.min(width)).min()
    }

    /// Whether all images are grey.
    pub fn is_grey(&self) -> bool {
        !self.modes.is_empty() && self.modes.keys().all(|mode| mode.starts_with("grey"))
    }
}
