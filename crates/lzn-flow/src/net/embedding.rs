//! Features of the time.

use std::f64::consts::TAU;

use lzn_torch::nn::NetworkError;
use lzn_torch::{Init, Scope};
use tch::{Kind, Tensor};

use crate::config::{TimeEmbeddingKind, VelocityNetConfig};

/// Ratio between the highest and the lowest positional frequency (Vaswani et al. 2017, section 3.5).
const LONGEST_PERIOD: f64 = 10_000.0;

/// Sines and cosines of the time.
#[derive(Debug)]
pub(super) enum TimeEmbedding {
    /// Of the clock itself; `[nf / 2]` frequencies from 1 down to 1/10000.
    Positional(Tensor),
    /// Of the logarithm of the clock; `[nf]` fixed random frequencies.
    Fourier(Tensor),
}

impl TimeEmbedding {
    /// Registers `frequencies` in the Fourier case.
    pub(super) fn new(scope: &Scope, config: &VelocityNetConfig) -> Result<Self, NetworkError> {
        let nf = config.nf as i64;
        if config.embedding_type == TimeEmbeddingKind::Fourier {
            let scale = config.fourier_scale;
            NetworkError::require("fourier_scale", scale, scale.is_finite() && scale > 0.0, "be positive and finite")?;
            return Ok(Self::Fourier(scope.constant("frequencies", &[nf], Init::Normal { std: scale })));
        }
        let even = config.nf >= 4 && config.nf.is_multiple_of(2);
        NetworkError::require("nf", config.nf as f64, even, "be even and at least 4 for the positional embedding")?;
        let half = nf / 2;
        let rate = -LONGEST_PERIOD.ln() / (half - 1) as f64;
        Ok(Self::Positional((Tensor::arange(half, (Kind::Float, scope.device())) * rate).exp()))
    }

    /// Numbers per sample.
    pub(super) fn width(&self) -> i64 {
        let (Self::Positional(frequencies) | Self::Fourier(frequencies)) = self;
        2 * frequencies.numel() as i64
    }

    /// `clock`: `[B]`, positive in the Fourier case; result `[B, width]`.
    pub(super) fn forward(&self, clock: &Tensor) -> Tensor {
        let angle = match self {
            Self::Positional(frequencies) => clock.outer(frequencies),
            Self::Fourier(frequencies) => clock.log().outer(frequencies) * TAU,
        };
        Tensor::cat(&[angle.sin(), angle.cos()], 1)
    }
}
