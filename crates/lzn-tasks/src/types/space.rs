//! The latent space that all data types share.

use tch::Tensor;

/// The prior N(0, I) in `dim` dimensions, and how anchors are put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatentSpace {
    /// Dimension d.
    pub dim: usize,
    /// Whether all anchors are scaled to the norm of a typical draw of the prior, the root of `dim`. Published: false.
    pub normalise: bool,
}

impl LatentSpace {
    /// Anchors `[N, d]` as the zones are cut by them.
    pub fn place(&self, anchors: Tensor) -> Tensor {
        if !self.normalise {
            return anchors;
        }
        // The floor is far below the norm of any anchor that is not zero throughout.
        let norms = anchors.norm_scalaropt_dim(2, [1i64].as_slice(), true).clamp_min(1e-12);
        anchors * (self.dim as f64).sqrt() / norms
    }
}
