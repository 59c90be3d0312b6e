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

use crate::config::{ModelConfig, RunConfig};
use crate::model::PartName;

/// What stands before every name in a state dict: the wrapper of distributed training and what it wraps.
const PREFIX: &str = "model.module.";
/// Noise levels of the decoder, from `sigma_max` to `sigma_min`, evenly spaced in the logarithm: no parameter, but in its state dict.
const SIGMAS: &str = "sigmas";

/// The key of a part's parameters.
fn key(part: PartName) -> &'static str {
    match part {
        PartName::Encoder => "encoder",
        PartName::Decoder => "decoder",
        PartName::Labels => "label_anchor",
    }
}

/// The table of the configuration that makes a part.
fn table(part: PartName) -> &'static str {
    match part {
        PartName::Encoder => "[model.encoder]",
        PartName::Decoder => "[model.decoder]",
        PartName::Labels => "[model.labels]",
    }
}

const PARTS: [PartName; 3] = [PartName::Encoder, PartName::Decoder, PartName::Labels];

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

/// The learning rate of a part, before warm-up.
fn learning_rate(config: &RunConfig, part: PartName) -> f64 {
    match part {
        PartName::Encoder => config.train.encoder.learning_rate,
        PartName::Decoder => config.train.decoder.learning_rate,
        PartName::Labels => config.train.labels.learning_rate,
    }
}

/// The limit of the decay of a part's averages.
fn ema_decay(config: &RunConfig, part: PartName) -> f64 {
    match part {
        PartName::Encoder => config.train.encoder.ema_decay,
        PartName::Decoder => config.train.decoder.ema_decay,
        PartName::Labels => config.train.labels.ema_decay,
    }
}
