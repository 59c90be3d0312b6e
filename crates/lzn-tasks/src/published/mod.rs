//! Checkpoints in the layout of the published code, in and out.
//!
//! ```text
//! encoder, decoder, label_anchor     parameters by name, behind `model.module.`; the decoder has its noise levels `sigmas` as well
//! *_ema                              decay, num_updates, and shadow_params: averages by position, of the trainable parameters
//! optimizer                          Adam's moments by number: parameters of encoder, decoder and label anchors, in this order
//! lr_scheduler, epoch, iteration     how far the training is
//! grad_scalar                        state of mixed precision, of which there is none here
//! ```
//!
//! A model without label anchors lacks their keys, one that only represents lacks those of the decoder.

mod export;
mod import;
mod names;
mod optimizer;
mod state;

pub use export::export;
pub use import::{ImportOptions, Imported, import};
pub use names::published_names;

use lzn_torch::ParamStore;

use crate::config::ModelConfig;
use crate::types::PartName;

/// What stands before every name in a state dict: the wrapper of distributed training and what it wraps.
const PREFIX: &str = "model.module.";
/// Noise levels of the decoder, from `sigma_max` to `sigma_min`, evenly spaced in the logarithm: no parameter, but in its state dict.
const SIGMAS: &str = "sigmas";

/// The parts that the published code has: name, key of its parameters, and the table of the configuration that makes it.
const PARTS: [(PartName, &str, &str); 3] = [
    (PartName::ENCODER, "encoder", "[model.encoder]"),
    (PartName::DECODER, "decoder", "[model.decoder]"),
    (PartName::LABELS, "label_anchor", "[model.labels]"),
];

/// The key of a part's parameters; of a part that the published code does not have, its name.
fn key(part: &PartName) -> &str {
    PARTS.iter().find(|(known, ..)| known == part).map_or(part.as_str(), |(_, key, _)| key)
}

/// A parameter under both of its names.
#[derive(Debug, Clone)]
struct Named {
    ours: String,
    published: String,
    shape: Vec<i64>,
    trainable: bool,
}

/// The parameters of a part, in order.
fn named(params: &ParamStore) -> Vec<Named> {
    let published = published_names(&params.names());
    let trainable: std::collections::HashSet<String> = params.trainable().into_iter().map(|(name, _)| name).collect();
    let both = params.named().into_iter().zip(published);
    both.map(|((ours, tensor), published)| Named {
        trainable: trainable.contains(&ours),
        shape: tensor.size(),
        ours,
        published,
    })
    .collect()
}

/// The decoder's noise levels; none without a decoder.
fn sigmas(model: &ModelConfig) -> Option<Vec<f64>> {
    let config = model.decoder.as_ref()?;
    let (from, to) = (config.sigma_max.ln(), config.sigma_min.ln());
    let last = config.num_scales.saturating_sub(1).max(1) as f64;
    Some((0..config.num_scales).map(|i| (from + (to - from) * i as f64 / last).exp()).collect())
}
