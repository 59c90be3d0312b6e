//! One problem: anchors, samples, noise, and the cotangent of the gradients; all from a handful of numbers.

use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::families::{Family, normal};

/// What to solve. Everything else follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Number of anchors, `N`.
    pub anchors: usize,
    /// Number of samples, `B`.
    pub samples: usize,
    /// Dimension, `d`.
    pub dim: usize,
    /// How the anchors lie.
    pub family: Family,
    /// Factor of the anchors. The exact zones do not depend on it; those of a fixed grid in time do.
    pub scale: f64,
    /// Added to every coordinate of the scaled anchors. The exact zones do not depend on it either.
    pub offset: f64,
    /// Of all draws.
    pub seed: u64,
}

/// The numbers of a [`Setting`]. All are exact in single precision, so that it and double precision solve the same problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// `[N, d]`.
    pub anchors: Array2<f64>,
    /// Rows of the anchors, `[B]`.
    pub owners: Vec<usize>,
    /// Standard normal, `[B, d]`.
    pub noise: Array2<f64>,
    /// Standard normal, `[B, d]`: gradients are those of `sum(cotangent * latents)`.
    pub cotangent: Array2<f64>,
}

impl Setting {
    /// A training batch of the family: as many samples as anchors, no scaling, seed 0.
    #[must_use]
    pub fn batch(family: Family, anchors: usize, dim: usize) -> Self {
        Self { anchors, samples: anchors, dim, family, scale: 1.0, offset: 0.0, seed: 0 }
    }

    /// Draws the numbers. Samples take their anchors in turn, or evenly spread if there are fewer samples than anchors.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let round = |x: f64| f64::from(x as f32);
        let anchors = self.family.anchors(self.seed, self.anchors, self.dim);
        let rows = |purpose| normal(self.seed, purpose, self.samples, self.dim).mapv(round);
        let owner = |i| if self.samples <= self.anchors { i * self.anchors / self.samples } else { i % self.anchors };
        Problem {
            anchors: anchors.mapv(|x| round(x * self.scale + self.offset)),
            owners: (0..self.samples).map(owner).collect(),
            noise: rows("noise"),
            cotangent: rows("cotangent"),
        }
    }
}

impl Problem {
    /// `[B, N, d]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        [self.noise.nrows(), self.anchors.nrows(), self.anchors.ncols()]
    }

    /// The same anchors with at most `count` of the samples, evenly spread. Latents of a sample do not depend on the others.
    #[must_use]
    pub fn with_samples(&self, count: usize) -> Self {
        let all = self.owners.len();
        let kept: Vec<usize> =
            if count < all { (0..count).map(|i| i * all / count).collect() } else { (0..all).collect() };
        Self {
            anchors: self.anchors.clone(),
            owners: kept.iter().map(|&i| self.owners[i]).collect(),
            noise: self.noise.select(Axis(0), &kept),
            cotangent: self.cotangent.select(Axis(0), &kept),
        }
    }
}

/// What a solver makes of a problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// `[B, d]`.
    pub latents: Array2<f64>,
    /// Gradient with respect to the anchors, `[N, d]`.
    pub anchors: Array2<f64>,
    /// Gradient with respect to the noise, `[B, d]`.
    pub noise: Array2<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact_in_single_precision() {
        let problem = Setting { scale: 0.3, offset: 100.0, ..Setting::batch(Family::Normal, 20, 5) }.problem();
        for array in [&problem.anchors, &problem.noise, &problem.cotangent] {
            assert!(array.iter().all(|&x| f64::from(x as f32) == x));
        }
    }

    #[test]
    fn fewer_samples_are_some_of_the_samples() {
        let problem = Setting::batch(Family::Normal, 20, 5).problem();
        let some = problem.with_samples(4);
        assert_eq!(some.owners, [0, 5, 10, 15]);
        assert_eq!(some.noise.row(3), problem.noise.row(15));
        assert_eq!(problem.with_samples(50), problem);
    }
}
