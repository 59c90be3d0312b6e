//! How far results are from the converged ones.

use ndarray::Array2;
use serde::Serialize;

use crate::oracle;
use crate::problem::{Outcome, Problem};

/// A problem with its converged solution.
#[derive(Debug)]
pub struct Judge {
    problem: Problem,
    solution: Outcome,
}

/// Errors of latents and gradients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Errors {
    /// Root of the mean squared error of a coordinate of a latent.
    pub latents_rms: f64,
    /// Gradient with respect to the anchors: norm of the error relative to the norm of the converged gradient.
    pub gradient_relative: f64,
    /// Cosine between that gradient and the converged one.
    pub gradient_cosine: f64,
    /// Gradient with respect to the noise: relative norm of the error.
    pub noise_gradient_relative: f64,
    /// Share of the latents that lie in their own zones.
    pub zone_hit_rate: f64,
}

impl Judge {
    /// Solves the problem: minutes where there are many samples and anchors.
    #[must_use]
    pub fn new(problem: Problem) -> Self {
        let solution = oracle::solve(&problem);
        Self { problem, solution }
    }

    /// How many samples of a problem are judged where nothing is said: all up to 512, and fewer where anchors are many.
    #[must_use]
    pub fn affordable(anchors: usize) -> usize {
        ((1 << 18) / anchors.max(1)).clamp(128, 512)
    }

    /// The problem.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The converged solution.
    #[must_use]
    pub fn solution(&self) -> &Outcome {
        &self.solution
    }

    /// Errors of `outcome`, which solves [`Judge::problem`] in some way.
    #[must_use]
    pub fn errors(&self, outcome: &Outcome) -> Errors {
        let truth = &self.solution;
        Errors {
            latents_rms: norm(&(&outcome.latents - &truth.latents)) / (truth.latents.len().max(1) as f64).sqrt(),
            gradient_relative: relative(&outcome.anchors, &truth.anchors),
            gradient_cosine: (&outcome.anchors * &truth.anchors).sum()
                / (norm(&outcome.anchors) * norm(&truth.anchors)),
            noise_gradient_relative: relative(&outcome.noise, &truth.noise),
            zone_hit_rate: oracle::hits(&self.problem, &outcome.latents).rate(),
        }
    }
}

/// What single precision adds: the same scheme in both precisions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rounding {
    /// Norm of the difference of latents relative to their norm.
    pub latents: f64,
    /// The same of the gradient with respect to the anchors.
    pub gradient: f64,
}

impl Rounding {
    /// Of the same scheme in single and double precision.
    #[must_use]
    pub fn of(single: &Outcome, double: &Outcome) -> Self {
        Self {
            latents: relative(&single.latents, &double.latents),
            gradient: relative(&single.anchors, &double.anchors),
        }
    }
}

fn norm(array: &Array2<f64>) -> f64 {
    array.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn relative(got: &Array2<f64>, expected: &Array2<f64>) -> f64 {
    norm(&(got - expected)) / norm(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contenders::{Contender, Precision};
    use crate::families::Family;
    use crate::problem::Setting;

    fn errors(judge: &Judge, name: &str) -> Errors {
        let contender: Contender = name.parse().unwrap();
        judge.errors(&contender.solve(judge.problem(), Precision::F64).unwrap())
    }

    #[test]
    fn the_solution_itself_is_free_of_errors() {
        let judge = Judge::new(Setting::batch(Family::Normal, 40, 8).problem());
        let errors = judge.errors(judge.solution());
        assert_eq!([errors.latents_rms, errors.gradient_relative, errors.noise_gradient_relative], [0.0; 3]);
        assert!((errors.gradient_cosine - 1.0).abs() < 1e-12 && errors.zone_hit_rate == 1.0);
    }

    /// Ours and the oracle share no code, so that they meet as steps grow is evidence for both.
    #[test]
    fn more_steps_of_the_published_solver_come_nearer() {
        let judge = Judge::new(Setting::batch(Family::Normal, 40, 8).problem());
        let [coarse, fine] = ["euler-50", "euler-800"].map(|name| errors(&judge, name));
        let ratio = coarse.latents_rms / fine.latents_rms;
        assert!((10.0..24.0).contains(&ratio), "first order: {ratio}");
        assert!(fine.latents_rms < 3e-3 && fine.gradient_cosine > 0.9999, "{fine:?}");
        assert!(fine.zone_hit_rate > 0.95 && coarse.zone_hit_rate < fine.zone_hit_rate, "{coarse:?} {fine:?}");
    }
}
