//! One pair of feature sets.

use anyhow::{Context, Result, bail};
use lzn_eval::distribution::{FrechetDistance, Gaussian, frechet_distance};
use ndarray::{Array2, s};
use serde_json::Value;

use super::super::super::text::number_after;
use super::recipe::Recipe;
use crate::{Case, Checks};

/// Real and generated features, and what several keys are compared with.
pub(super) struct Set {
    pub(super) real: Array2<f32>,
    pub(super) generated: Array2<f32>,
    /// Statistics of the two.
    pub(super) gaussians: [Gaussian; 2],
    /// From the features themselves.
    pub(super) distance: FrechetDistance,
}

impl Set {
    /// The set `name` of the case `features`.
    pub(super) fn load(case: &Case, name: &str) -> Result<Self> {
        let entry: Value = case.get(name)?;
        let (real, generated) = if name.starts_with("self_") {
            // Nothing is shown of it, and any features will do.
            let size = |letter: &str| number_after(name, letter).map(|number| number as usize);
            let features = Recipe { seed: 900, fake: false, relu: true }.features(size("_N")?, size("_d")?);
            (features.clone(), features)
        } else {
            let size = |key: &str| entry[key].as_u64().map(|n| n as usize).with_context(|| format!("no key `{key}`"));
            let (n, m, d) = (size("n")?, size("m")?, size("d")?);
            let (first, last) = (numbers(&entry, "x_first")?, numbers(&entry, "y_last")?);
            let (trace, other_trace) = (number(&entry, "tr_s1")?, number(&entry, "tr_s2")?);
            let real = Recipe::find((n, d), (0, 0), &first, trace)?;
            let generated = Recipe::find((m, d), (m - 1, d - last.len()), &last, other_trace)?;
            (real.features(n, d), generated.features(m, d))
        };
        let gaussians = [Gaussian::of(real.view())?, Gaussian::of(generated.view())?];
        let distance = frechet_distance(real.view(), generated.view())?;
        Ok(Self { real, generated, gaussians, distance })
    }
}

/// Sizes, features, means and covariances.
pub(super) fn inputs(set: &Set, key: &str, value: &Value, checks: &mut Checks) -> Result<bool> {
    let [real, generated] = &set.gaussians;
    let d = real.dimension();
    let near = |checks: &mut Checks, got: f64| -> Result<()> {
        checks.compare(key, &[got], &[value.as_f64().context("no number")?], 1e-12);
        Ok(())
    };
    let same = |checks: &mut Checks, got: Vec<f32>| {
        checks.compare(key, &wide(&got), &wide(&serde_json::from_value::<Vec<f32>>(value.clone())?), 0.0);
        anyhow::Ok(())
    };
    match key {
        "n" => near(checks, set.real.nrows() as f64)?,
        "m" => near(checks, set.generated.nrows() as f64)?,
        "d" => near(checks, d as f64)?,
        "x_first" => same(checks, set.real.slice(s![0, ..4.min(d)]).to_vec())?,
        "y_last" => same(checks, set.generated.slice(s![-1, d.saturating_sub(4)..]).to_vec())?,
        "sum_mu1" => near(checks, real.mean.sum())?,
        "tr_s1" => near(checks, real.covariance.diag().sum())?,
        "tr_s2" => near(checks, generated.covariance.diag().sum())?,
        "fro_s1" => near(checks, real.covariance.mapv(|x| x * x).sum().sqrt())?,
        "s1_0_4" => near(checks, real.covariance[[0, 4]])?,
        "s2_last2" => near(checks, generated.covariance[[d - 1, d - 2]])?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|x| f64::from(*x)).collect()
}

/// A number of a set.
pub(super) fn number(entry: &Value, key: &str) -> Result<f64> {
    entry[key].as_f64().with_context(|| format!("no number `{key}`"))
}

fn numbers(entry: &Value, key: &str) -> Result<Vec<f32>> {
    let shown: Vec<f32> = serde_json::from_value(entry[key].clone()).with_context(|| format!("key `{key}`"))?;
    if shown.is_empty() { bail!("`{key}` shows no number") } else { Ok(shown) }
}
