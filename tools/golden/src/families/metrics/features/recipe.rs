//! Feature sets by formula.

use anyhow::{Context, Result};
use ndarray::Array2;

use super::super::generator::uniform;

/// Seeds that are tried.
const SEEDS: u64 = 100_000;

/// How a set was made: the cases say it only by showing a few of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) seed: u64,
    /// Whether some features are wider and some shifted, as of a model that is not perfect.
    pub(super) fake: bool,
    /// Whether negative numbers are cut off, as by the last layer of many networks.
    pub(super) relu: bool,
}

impl Recipe {
    /// The recipe of the `[rows, dimension]` that have the numbers `shown` in row `row` from column `column` on, and whose
    /// variances add up to `trace`.
    pub(super) fn find(
        (rows, dimension): (usize, usize),
        (row, column): (usize, usize),
        shown: &[f32],
        trace: f64,
    ) -> Result<Self> {
        let fits = |recipe: &Self| {
            shown.iter().enumerate().all(|(j, expected)| recipe.value(dimension, row, column + j) == *expected)
        };
        let kinds = [(false, false), (false, true), (true, false), (true, true)];
        let recipes = (0..SEEDS).flat_map(|seed| kinds.map(|(fake, relu)| Self { seed, fake, relu }));
        let whole = |recipe: &Self| (variance(&recipe.features(rows, dimension)) / trace - 1.0).abs() < 1e-9;
        recipes
            .into_iter()
            .find(|recipe| fits(recipe) && whole(recipe))
            .with_context(|| format!("no seed below {SEEDS} gives features that begin or end with {shown:?}"))
    }

    /// `[rows, dimension]`.
    pub(super) fn features(self, rows: usize, dimension: usize) -> Array2<f32> {
        // The four numbers that the features of a row share are drawn once.
        let shared = Array2::from_shape_fn((rows, 4), |(i, j)| bell(self.seed + 1, (i * 4 + j) as u64));
        Array2::from_shape_fn((rows, dimension), |(i, j)| self.with_shared(dimension, (i, j), shared[[i, j % 4]]))
    }

    fn value(self, dimension: usize, i: usize, j: usize) -> f32 {
        self.with_shared(dimension, (i, j), bell(self.seed + 1, (i * 4 + j % 4) as u64))
    }

    fn with_shared(self, dimension: usize, (i, j): (usize, usize), shared: f64) -> f32 {
        let (mut scale, mut mean) = (0.5 + (j % 8) as f64 / 8.0, 0.1 * (j % 5) as f64);
        if self.fake {
            scale *= if j.is_multiple_of(3) { 1.25 } else { 1.0 };
            mean += if j.is_multiple_of(7) { 0.25 } else { 0.0 };
        }
        let x = (mean + scale * bell(self.seed, (i * dimension + j) as u64)) + 0.5 * shared;
        (if self.relu { x.max(0.0) } else { x }) as f32
    }
}

/// Sum of twelve uniform numbers, less 6: nearly normal.
fn bell(seed: u64, i: u64) -> f64 {
    (0..12).map(|k| uniform(seed, 12 * i + k)).sum::<f64>() - 6.0
}

/// Sum of the variances of all columns.
fn variance(features: &Array2<f32>) -> f64 {
    let features = features.mapv(f64::from);
    features.var_axis(ndarray::Axis(0), 1.0).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;

    #[test]
    fn a_recipe_is_found_by_the_numbers_that_it_gives() {
        for recipe in [
            Recipe { seed: 20, fake: true, relu: true },
            Recipe { seed: 21, fake: false, relu: false },
            Recipe { seed: 0, fake: true, relu: false },
        ] {
            let features = recipe.features(12, 9);
            let (first, last) = (features.slice(s![0, ..4]).to_vec(), features.slice(s![11, 5..]).to_vec());
            let trace = variance(&features);
            assert_eq!(Recipe::find((12, 9), (0, 0), &first, trace).unwrap(), recipe);
            assert_eq!(Recipe::find((12, 9), (11, 5), &last, trace).unwrap(), recipe);
        }
    }
}
