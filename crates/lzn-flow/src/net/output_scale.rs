//! Division of the output by a noise level.

use lzn_torch::nn::NetworkError;
use tch::{Device, Kind, Tensor};

use super::CLOCK;
use crate::config::{TimeEmbeddingKind, VelocityNetConfig};

/// What the output is divided by.
#[derive(Debug)]
pub(super) enum OutputScale {
    /// Nothing.
    One,
    /// The clock, which the Fourier embedding takes for the noise level itself.
    Clock,
    /// The entry of this table at the clock, rounded down.
    Table(Tensor),
}

impl OutputScale {
    pub(super) fn new(config: &VelocityNetConfig, device: Device) -> Result<Self, NetworkError> {
        if !config.scale_by_sigma {
            return Ok(Self::One);
        }
        if config.embedding_type == TimeEmbeddingKind::Fourier {
            return Ok(Self::Clock);
        }
        let (low, high, scales) = (config.sigma_min, config.sigma_max, config.num_scales);
        NetworkError::require("sigma_min", low, low.is_finite() && low > 0.0, "be positive and finite")?;
        NetworkError::require("sigma_max", high, high.is_finite() && high > 0.0, "be positive and finite")?;
        let enough = scales as f64 > CLOCK;
        NetworkError::require(
            "num_scales",
            scales as f64,
            enough,
            "be at least 1000, since the network's clock runs to 999",
        )?;
        let table = Tensor::linspace(high.ln(), low.ln(), scales as i64, (Kind::Double, device)).exp();
        Ok(Self::Table(table.to_kind(Kind::Float)))
    }

    /// `velocity`: `[B, C, H, W]`; `clock`: `[B]`.
    pub(super) fn apply(&self, velocity: Tensor, clock: &Tensor) -> Tensor {
        match self {
            Self::One => velocity,
            Self::Clock => velocity / clock.view([-1, 1, 1, 1]),
            Self::Table(table) => {
                let last = table.numel() as i64 - 1;
                let entry = clock.to_kind(Kind::Int64).clamp(0, last);
                velocity / table.index_select(0, &entry).view([-1, 1, 1, 1])
            }
        }
    }
}
