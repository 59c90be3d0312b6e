//! The factor that keeps gradients of float16 within its range.

use serde::{Deserialize, Serialize};

/// Dynamic loss scaling (Micikevicius et al. 2018, section 3.2), with the constants of PyTorch's `GradScaler`: the loss is multiplied by a power
/// of two before the backward pass, and gradients are divided by it, which changes no digit of them. The factor halves when gradients
/// are not finite, and doubles after so many steps in which they were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaler {
    scale: f64,
    /// Steps since the factor changed.
    good: u32,
}

impl Scaler {
    /// The first factor.
    pub const INITIAL: f64 = 65_536.0;
    /// Steps with finite gradients after which the factor doubles.
    pub const INTERVAL: u32 = 2_000;

    /// The factor of the next step.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Takes note of whether the gradients of a step were finite.
    pub fn update(&mut self, finite: bool) {
        if !finite {
            *self = Self { scale: self.scale * 0.5, good: 0 };
            return;
        }
        self.good += 1;
        if self.good == Self::INTERVAL {
            *self = Self { scale: self.scale * 2.0, good: 0 };
        }
    }
}

impl Default for Scaler {
    fn default() -> Self {
        Self { scale: Self::INITIAL, good: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_doubles_after_its_interval_and_halves_at_once() {
        let mut scaler = Scaler::default();
        let steps = |scaler: &mut Scaler, count| (0..count).for_each(|_| scaler.update(true));
        steps(&mut scaler, Scaler::INTERVAL - 1);
        assert_eq!(scaler.scale(), Scaler::INITIAL);
        steps(&mut scaler, 1);
        assert_eq!(scaler.scale(), 2.0 * Scaler::INITIAL);
        steps(&mut scaler, Scaler::INTERVAL - 1);
        scaler.update(false);
        assert_eq!(scaler.scale(), Scaler::INITIAL);
        // The count begins again.
        steps(&mut scaler, Scaler::INTERVAL - 1);
        assert_eq!(scaler.scale(), Scaler::INITIAL);
        scaler.update(false);
        scaler.update(false);
        assert_eq!(scaler.scale(), Scaler::INITIAL / 4.0);
    }
}
