//! Training: one loop over a list of objectives.
//!
//! A [`Recipe`] is what is trained, [`Trainer`] the loop, [`StepEngine`] the mathematics of one step, [`hooks`] what happens between steps,
//! [`stage`] what is being done at the moment.

mod adam;
mod alarm;
mod clock;
mod ema;
mod engine;
mod feed;
mod follower;
mod gradients;
pub mod hooks;
mod monitor;
mod recipe;
mod scaler;
pub mod stage;
mod state;
mod team;
pub mod trace;
mod trainer;

pub use adam::Adam;
pub use clock::{Clock, StepTimes};
pub use ema::Ema;
pub use engine::{PartState, StepEngine, StepReport, Term};
pub use feed::{Feed, FeedFn, ImageFeed, Steps};
pub use follower::Follower;
pub use recipe::Recipe;
pub use scaler::Scaler;
pub(crate) use state::{AVERAGES, PARAMETERS, Snapshot, restore};
pub use trainer::{Outcome, Session, Trainer};

use std::collections::HashMap;

use lzn_torch::TorchError;
use tch::Tensor;

/// Copies tensors by name into existing ones, all or none.
fn copy_all(into: &[(String, Tensor)], from: &HashMap<String, Tensor>) -> Result<(), TorchError> {
    let problem = |(name, old): &(String, Tensor)| match from.get(name) {
        None => Some(format!("`{name}` is missing")),
        Some(new) if new.size() != old.size() => {
            Some(format!("`{name}` has shape {:?}, expected {:?}", new.size(), old.size()))
        }
        Some(_) => None,
    };
    let problems: Vec<_> = into.iter().filter_map(problem).collect();
    if !problems.is_empty() {
        return Err(TorchError::Weights { problems });
    }
    tch::no_grad(|| {
        for (name, old) in into {
            old.shallow_clone().copy_(&from[name]);
        }
    });
    Ok(())
}
