//! Gradients that several workers average while the backward pass runs.

use lzn_torch::dist::{Buckets, Reducer, World};
use lzn_torch::{ParamStore, TorchError};
use tch::Tensor;

use crate::TaskError;

/// Averages the gradients of the parts that learn. Of a worker of its own it does nothing.
#[derive(Debug, Default)]
pub(super) struct SharedGradients {
    /// Which parts the reducer is for: those that learn change when one is frozen.
    learning: Vec<bool>,
    reducer: Option<Reducer>,
}

impl SharedGradients {
    /// Lets the next backward pass, from `loss`, leave gradients that are averaged over the workers. `parts` are all parts with whether
    /// they learn, in the same order in all workers.
    ///
    /// # Errors
    /// [`TaskError::Torch`] if the workers have different parameters or the exchange fails.
    pub(super) fn prepare(
        &mut self,
        world: &World,
        parts: &[(ParamStore, bool)],
        loss: &Tensor,
    ) -> Result<(), TaskError> {
        if world.is_alone() {
            return Ok(());
        }
        let learning: Vec<bool> = parts.iter().map(|(_, learns)| *learns).collect();
        if self.reducer.is_none() || learning != self.learning {
            let of_part = |(params, _): &(ParamStore, bool)| params.trainable().into_iter().map(|(_, tensor)| tensor);
            let leaves: Vec<Tensor> =
                parts.iter().filter(|(_, learns)| *learns).flat_map(of_part).filter(Tensor::requires_grad).collect();
            // The old one first: it holds on to parameters that both have.
            self.reducer = None;
            self.reducer = Reducer::new(world, &leaves, Buckets::default()).map_err(TorchError::from)?;
            self.learning = learning;
        }
        let prepared = self.reducer.as_ref().map_or(Ok(()), |reducer| reducer.prepare(loss));
        Ok(prepared.map_err(TorchError::from)?)
    }

    /// The error of a backward pass that failed: what it means, where another worker is to blame.
    pub(super) fn explained(&self, error: tch::TchError) -> TaskError {
        let failure = self.reducer.as_ref().and_then(|reducer| reducer.failure(&error.to_string()));
        failure.map_or(error.into(), |failure| TorchError::from(failure).into())
    }

    /// After the backward pass: counts how long it has waited for the other workers.
    pub(super) fn finish(&self) {
        self.reducer.iter().for_each(Reducer::finish);
    }
}
