//! How a network came about: what makes it repeatable and says how good it is.

use ndarray::ArrayView4;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::FeatureError;

/// Images and their classes.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// `[N, C, H, W]`.
    pub images: ArrayView4<'a, u8>,
    /// `[N]`, in `0..classes`.
    pub labels: &'a [i64],
}

impl Labelled<'_> {
    /// Channels, height and width.
    pub(super) fn shape(&self) -> [usize; 3] {
        let (_, channels, height, width) = self.images.dim();
        [channels, height, width]
    }

    /// Refuses what no network can be trained or tested on.
    pub(super) fn check(&self, shape: [usize; 3], classes: usize) -> Result<(), FeatureError> {
        let refuse = |problem: String| Err(FeatureError::Training(problem));
        let images = self.images.dim().0;
        if images == 0 || images != self.labels.len() {
            return refuse(format!(
                "{images} images and {} labels: there must be as many, and at least 1",
                self.labels.len()
            ));
        }
        let [channels, height, width] = self.shape();
        if self.shape() != shape || ![1, 3].contains(&channels) || height < 4 || width < 4 {
            return refuse(format!(
                "images have shape {:?}, expected {shape:?}, with 1 or 3 channels and sides of at least 4",
                self.shape()
            ));
        }
        match self.labels.iter().find(|label| !(0..classes as i64).contains(label)) {
            Some(label) => refuse(format!("there is a label {label}, but {classes} classes")),
            None => Ok(()),
        }
    }

    /// SHA-256 of shape, pixels and labels.
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for size in self.images.shape() {
            hasher.update((*size as u64).to_le_bytes());
        }
        for row in self.images.rows() {
            hasher.update(row.iter().copied().collect::<Vec<u8>>());
        }
        for label in self.labels {
            hasher.update(label.to_le_bytes());
        }
        format!("{:x}", hasher.finalize())
    }
}

/// How to train: gradient descent with momentum 0.9 on the cross-entropy, a learning rate that falls linearly to 0, no
/// augmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Of the first values and of the order of images.
    pub seed: u64,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images for each step.
    pub batch_size: usize,
    /// Learning rate of the first step.
    pub learning_rate: f64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { seed: 0, epochs: 8, batch_size: 64, learning_rate: 0.02 }
    }
}

/// How a network came about; stored with its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The recipe.
    pub recipe: Recipe,
    /// Channels, height and width of the images.
    pub shape: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Number of training images.
    pub images: usize,
    /// SHA-256 of training images and labels.
    pub data_sha256: String,
    /// Share of the training images that are classified rightly.
    pub training_accuracy: f64,
    /// Share of the test images, if there were any.
    pub test_accuracy: Option<f64>,
    /// How many of the 128 features are 0 for every training image, and left out.
    pub dead_features: usize,
}

impl Record {
    pub(super) fn new(recipe: &Recipe, data: &Labelled<'_>, classes: usize) -> Self {
        Self {
            recipe: recipe.clone(),
            shape: data.shape(),
            classes,
            images: data.labels.len(),
            data_sha256: data.digest(),
            training_accuracy: 0.0,
            test_accuracy: None,
            dead_features: 0,
        }
    }
}
