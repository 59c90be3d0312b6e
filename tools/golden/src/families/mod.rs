//! One file per family of cases.

mod augment;
mod checkpoint;
mod contrastive;
mod ema;
mod label;
mod latent;
mod metrics;
mod ncsnpp;
mod networks;
mod resnet;
mod sampler;
mod text;
mod train;
mod zoning;

use anyhow::Result;

use crate::{Case, Line};

/// A family of cases: the name of its sub-folder, and how to run one of them.
pub trait Family {
    /// Name of the sub-folder.
    fn name(&self) -> &'static str;

    /// Computes a case on every backend that can, one line each.
    ///
    /// # Errors
    /// The case lacks a tensor or a key, or the computation refuses its values.
    fn run(&self, case: &Case) -> Result<Vec<Line>>;
}

/// All families. A new one is a file in this folder and a line here.
pub fn families() -> Vec<Box<dyn Family>> {
    vec![
        Box::new(latent::Latent),
        Box::new(label::Label),
        Box::new(contrastive::Contrastive),
        Box::new(ncsnpp::Ncsnpp),
        Box::new(resnet::Resnet),
        Box::new(sampler::Sampler),
        Box::new(ema::Ema),
        Box::new(train::Train),
        Box::new(metrics::Metrics),
        Box::new(augment::Augment),
        Box::new(checkpoint::Checkpoint),
    ]
}
