//! One learned anchor per class.

use lzn_torch::{Init, Scope};
use tch::Tensor;

/// A table of anchors `[classes, d]`, first drawn from the standard normal distribution like the prior they divide.
///
/// As an encoder it looks a label's row up; as a decoder, the class of a latent is the row whose zone holds it.
#[derive(Debug)]
pub struct LabelAnchors {
    anchors: Tensor,
}

impl LabelAnchors {
    /// Registers `anchors`.
    pub fn new(scope: &Scope, classes: usize, latent_dim: usize) -> Self {
        let shape = [classes as i64, latent_dim as i64];
        Self { anchors: scope.param("anchors", &shape, Init::Normal { std: 1.0 }) }
    }

    /// All anchors, `[classes, d]`.
    pub fn anchors(&self) -> &Tensor {
        &self.anchors
    }
}
