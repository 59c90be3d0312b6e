//! A run as model hubs have models: one folder with weights, configuration and a model card.
//!
//! ```text
//! FOLDER/
//!   model.safetensors   parameters as PART.NAME and the anchor bank; configuration and class names in the metadata
//!   config.toml         the same configuration, to read
//!   README.md           the model card
//!   samples.png         the samples of the finished run, if there are any
//! ```

mod card;

use std::fs;
use std::path::Path;

use tch::Device;

use crate::TaskError;
use crate::model::Weights;
use crate::run::{RunError, folder};
use crate::types::PartName;

/// Writes the model of the run in `run` into the new folder `to`: the averages, or the raw weights of the newest checkpoint.
///
/// # Errors
/// [`TaskError`] if the run holds no weights, [`RunError::Occupied`] if `to` is not empty; nothing was written then.
pub fn export(run: &Path, to: &Path, raw: bool) -> Result<(), TaskError> {
    let config_toml = folder::read_config(run)?;
    if fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(RunError::Occupied { path: to.to_owned() }.into());
    }
    let weights = Weights::open(run, raw, Device::Cpu)?;
    let facts = card::Facts::of(run, &weights, raw)?;
    let tensors = weights.model.parts().into_iter().flat_map(|(part, params): (PartName, _)| {
        params.named().into_iter().map(move |(name, tensor)| (format!("{part}.{name}"), tensor))
    });
    fs::create_dir_all(to).map_err(|source| RunError::Unwritable { path: to.to_owned(), source })?;
    let file = to.join("model.safetensors");
    Weights::save(&file, &weights.config, &weights.class_names, tensors.collect(), &weights.model.banks())?;
    let write = |name: &str, content: &[u8]| {
        let path = to.join(name);
        fs::write(&path, content).map_err(RunError::io(&path))
    };
    write("config.toml", config_toml.as_bytes())?;
    let samples = fs::read(run.join("samples.png")).ok();
    if let Some(picture) = &samples {
        write("samples.png", picture)?;
    }
    // Last: a folder with a card is whole.
    Ok(write("README.md", facts.card(samples.is_some()).as_bytes())?)
}
