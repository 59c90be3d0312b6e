//! All that a run is made of.

use tch::Device;

use super::{Feed, ImageFeed, Term};
use crate::TaskError;
use crate::config::{DataSource, RunConfig};
use crate::data::RunData;
use crate::model::Lzn;
use crate::wiring;

/// A model, what it learns from, and what it learns by: what [`super::Trainer::with`] trains.
///
/// [`Recipe::of`] makes one from a configuration. A program of its own puts one together from data types, objectives and a feed of its
/// own, with [`RunConfig::custom`] for a configuration (docs/extending.md).
pub struct Recipe {
    /// Seed, lengths, learning rates; of a run of ours, everything.
    pub config: RunConfig,
    /// The model, with fresh parameters.
    pub model: Lzn,
    /// The terms of the loss.
    pub objectives: Vec<Term>,
    /// The batches.
    pub feed: Box<dyn Feed>,
    /// Images that are looked at along the way and in the end; none without images.
    pub images: Option<RunData>,
}

impl Recipe {
    /// What a configuration describes.
    ///
    /// # Errors
    /// [`TaskError`] if the configuration breaks a rule, does not suit the data, or is one of a program of its own.
    pub fn of(config: RunConfig, device: Device) -> Result<Self, TaskError> {
        config.check()?;
        if config.data.source == DataSource::Custom {
            return Err(TaskError::Custom { path: "config.toml".into() });
        }
        let data = RunData::open(&config.data)?;
        let feed = ImageFeed::new(data.train.clone(), &config, device)?;
        let names = data.train.class_names().to_vec();
        let mut model = Lzn::new(&config.model, &config.data, names.len(), config.seed, device)?;
        model.set_class_names(&names);
        let objectives = wiring::objectives(&config, &model)?;
        Ok(Self { config, model, objectives, feed: Box::new(feed), images: Some(data) })
    }
}
