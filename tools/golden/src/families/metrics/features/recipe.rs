//! Feature sets by formula.

use anyhow::{Context, Result};
use ndarray::Array2;

use super::super::generator::{SEEDS, uniform};

/// Whether features are those of a model and not real, and whether negative numbers are cut off.
const KINDS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

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
    /// variances add up to `trace`. The seed that is named, if one is, is tried first.
    pub(super) fn find(
        named: Option<u64>,
        (rows, dimension): (usize, usize),
        (row, column): (usize, usize),
        shown: &[f32],
        trace: f64,
    ) -> Result<Self> {
        let first = *shown.first().context("no number of the features is shown")?;
        let draws = |seed: u64, j: usize| {
            (bell(seed, (row * dimension + j) as u64), bell(seed.wrapping_add(1), (row * 4 + j % 4) as u64))
        };
        // The first number alone excludes nearly all seeds, and all kinds of a seed share its draws.
        let begins = |seed: u64| {
            let (own, shared) = draws(seed, column);
            let recipes = KINDS.map(|(fake, relu)| Self { seed, fake, relu });
            recipes.into_iter().filter(move |recipe| recipe.value(column, own, shared) == first)
        };
        let fits = |recipe: &Self| {
            shown.iter().zip(column..).all(|(expected, j)| {
                let (own, shared) = draws(recipe.seed, j);
                recipe.value(j, own, shared) == *expected
            })
        };
        let whole = |recipe: &Self| (variance(&recipe.features(rows, dimension)) - trace).abs() <= 1e-9 * trace;
        let mut recipes = named.into_iter().chain(0..SEEDS).flat_map(begins);
        recipes
            .find(|recipe| fits(recipe) && whole(recipe))
            .with_context(|| format!("no seed below {SEEDS} gives features that begin or end with {shown:?}"))
    }

    /// `[rows, dimension]`.
    pub(super) fn features(self, rows: usize, dimension: usize) -> Array2<f32> {
        // The four numbers that the features of a row share are drawn once.
        let other = self.seed.wrapping_add(1);
        let shared = Array2::from_shape_fn((rows, 4), |(i, j)| bell(other, (i * 4 + j) as u64));
        Array2::from_shape_fn((rows, dimension), |(i, j)| {
            self.value(j, bell(self.seed, (i * dimension + j) as u64), shared[[i, j % 4]])
        })
    }

    /// A number of column `j` from what was drawn for it alone and for what it shares.
    fn value(self, j: usize, own: f64, shared: f64) -> f32 {
        let (mut scale, mut mean) = (0.5 + (j % 8) as f64 / 8.0, 0.1 * (j % 5) as f64);
        if self.fake {
            scale *= if j.is_multiple_of(3) { 1.25 } else { 1.0 };
            mean += if j.is_multiple_of(7) { 0.25 } else { 0.0 };
        }
        let x = (mean + scale * own) + 0.5 * shared;
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
            assert_eq!(Recipe::find(None, (12, 9), (0, 0), &first, trace).unwrap(), recipe);
            assert_eq!(Recipe::find(None, (12, 9), (11, 5), &last, trace).unwrap(), recipe);
        }
    }

    #[test]
    fn a_seed_that_is_named_may_be_any() {
        let recipe = Recipe { seed: u64::MAX - 1, fake: false, relu: true };
        let features = recipe.features(3, 1);
        let found = Recipe::find(Some(recipe.seed), (3, 1), (2, 0), &[features[[2, 0]]], variance(&features));
        assert_eq!(found.unwrap().seed, recipe.seed);
    }
}
