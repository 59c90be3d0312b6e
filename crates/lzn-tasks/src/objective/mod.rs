//! What one training step adds to the loss.
//!
//! An objective is given the model, the batch and every random draw of the step, and returns a scalar. It knows nothing of the
//! loop, of optimizers or of the other objectives; what several of them need, such as the latents of the images, the
//! [`StepContext`] computes once.

mod align;
mod align_views;
#[cfg(test)]
mod align_views_tests;
mod classify;
mod clip;
mod context;
mod draws;
mod moco;
mod reconstruct;
#[cfg(test)]
mod rivals_tests;
mod simclr;

use tch::{Kind, Reduction, Tensor};

pub use align::Align;
pub use align_views::AlignViews;
pub use classify::ClassifyImages;
pub use clip::Clip;
pub use context::{Field, Pairs, StepContext};
pub use draws::Draws;
pub use moco::{MoCo, MoCoOptions};
pub use reconstruct::Reconstruct;
pub use simclr::SimClr;

use crate::TaskError;
use crate::model::Lzn;

/// A term of the training loss.
pub trait Objective {
    /// The name under which its loss is recorded.
    fn name(&self) -> String;

    /// Whether a batch holds what it needs; a step without is taken as if it were not there.
    fn applies(&self, model: &Lzn, context: &StepContext) -> bool {
        let _ = (model, context);
        true
    }

    /// The loss of one batch.
    ///
    /// # Errors
    /// [`TaskError`] if the model lacks a part or libtorch refuses an operation.
    fn loss(&self, model: &Lzn, context: &StepContext) -> Result<Loss, TaskError>;

    /// Called when the parameters have moved by the loss of this step; not after a step that was skipped.
    ///
    /// # Errors
    /// [`TaskError`] if the model lacks a part.
    fn after_step(&mut self, model: &Lzn) -> Result<(), TaskError> {
        let _ = model;
        Ok(())
    }

    /// Whatever of its own the next step depends on, by name: checkpoints keep it and write into these very tensors when a run goes on,
    /// so they share storage with the objective's own. Most objectives have none.
    fn state(&self) -> Vec<(String, Tensor)> {
        Vec::new()
    }
}

/// A loss, and what is worth recording beside it.
#[derive(Debug)]
pub struct Loss {
    /// Scalar with a gradient.
    pub value: Tensor,
    /// Further named values, for the record only.
    pub observed: Vec<(String, f64)>,
}

/// The loss of telling each view's partner from the other candidates: cross-entropy of `scores [n, candidates]` with the `partner [n]`
/// int64 of every row, and the share of rows whose partner has the largest score.
fn contrast(scores: &Tensor, partner: &Tensor) -> Loss {
    let value = scores.cross_entropy_loss(partner, None::<&Tensor>, Reduction::Mean, -100, 0.0);
    let found = scores.argmax(1, false).eq_tensor(partner).to_kind(Kind::Double).mean(None).double_value(&[]);
    Loss { value, observed: vec![("accuracy/views".to_owned(), found)] }
}

/// Rows of `[B, d]` without their mean: zones do not depend on where anchors lie together.
pub(crate) fn centred(rows: &Tensor) -> Tensor {
    rows - rows.mean_dim([0i64].as_slice(), true, rows.kind())
}

/// The root of the mean square of the norms of rows.
fn root_mean_square(rows: &Tensor) -> f64 {
    rows.square().sum_dim_intlist(1, false, Kind::Double).mean(Kind::Double).double_value(&[]).sqrt()
}

/// Rows of `[B, d]` with norm 1.
pub(crate) fn unit(rows: &Tensor) -> Tensor {
    // The floor is far below the norm of any anchor that is not zero throughout.
    rows / rows.norm_scalaropt_dim(2, [1i64].as_slice(), true).clamp_min(1e-12)
}
