//! An objective of one's own.

use lzn_tasks::objective::{Loss, Objective, StepContext};
use lzn_tasks::{Lzn, TaskError};
use tch::Kind;

/// Keeps the anchors of a type from growing: the mean of their squared norms.
#[derive(Debug)]
pub struct NearOrigin {
    /// The data type.
    pub of: String,
}

impl Objective for NearOrigin {
    fn name(&self) -> String {
        format!("near-origin/{}", self.of)
    }

    fn applies(&self, _: &Lzn, context: &StepContext) -> bool {
        context.has(&[&self.of])
    }

    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError> {
        let anchors = &context.placed(model, &self.of)?.anchors;
        let value = anchors.square().sum_dim_intlist(1, false, Kind::Float).mean(Kind::Float);
        Ok(Loss { value, observed: Vec::new() })
    }
}
