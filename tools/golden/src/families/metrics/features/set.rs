//! One pair of feature sets.

use anyhow::{Context, Result, bail, ensure};
use lzn_eval::distribution::{FrechetDistance, Gaussian, frechet_distance};
use ndarray::{Array2, s};
use serde_json::Value;

use super::super::super::text::number_after;
use super::kernels;
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
    /// Rows of the blocks whose error and number stand by themselves.
    pub(super) block: usize,
}

/// Names of sets that are compared with themselves start with this.
const SELF: &str = "self_";

impl Set {
    /// The set `name` of a case, which has `entry` about it.
    pub(super) fn load(case: &Case, name: &str, entry: &Value) -> Result<Self> {
        let [real, generated] = features(case, name, entry)?;
        let gaussians = [Gaussian::of(real.view())?, Gaussian::of(generated.view())?];
        let distance = frechet_distance(real.view(), generated.view())?;
        Ok(Self { real, generated, gaussians, distance, block: kernels::block(entry) })
    }
}

/// Real and generated features: what is stored, else what the recipe gives.
pub(super) fn features(case: &Case, name: &str, entry: &Value) -> Result<[Array2<f32>; 2]> {
    stored(case, name)?.map_or_else(|| by_recipe(name, entry), Ok)
}

/// Features in the case, or in a file that is called like the set.
fn stored(case: &Case, name: &str) -> Result<Option<[Array2<f32>; 2]>> {
    let beside = case.sibling(&case.family, name).ok();
    let [x, y] = ["x", "y"].map(|side| format!("{name}_{side}"));
    let here = [(case, "x", "y"), (case, x.as_str(), y.as_str())];
    let mut places = here.into_iter().chain(beside.as_ref().map(|beside| (beside, "x", "y")));
    let Some((case, x, y)) = places.find(|(case, x, _)| case.has(x)) else { return Ok(None) };
    let matrix = |tensor: &str| anyhow::Ok(case.matrix(tensor)?.mapv(|x| x as f32));
    let real = matrix(x)?;
    let generated = if name.starts_with(SELF) && !case.has(y) { real.clone() } else { matrix(y)? };
    Ok(Some([real, generated]))
}

fn by_recipe(name: &str, entry: &Value) -> Result<[Array2<f32>; 2]> {
    let size = |key: &str, mark: &str| match entry[key].as_u64() {
        Some(size) => anyhow::Ok(size as usize),
        None => Ok(number_after(name, mark).with_context(|| format!("no key `{key}`"))? as usize),
    };
    let seed = |key: &str| entry[key].as_u64().or(entry["seed"].as_u64());
    let (n, d) = (size("n", "_N")?, size("d", "_d")?);
    if name.starts_with(SELF) && entry["x_first"].is_null() {
        // Nothing is shown of it, and any features will do.
        let features = Recipe { seed: seed("seed").unwrap_or(900), fake: false, relu: true }.features(n, d);
        return Ok([features.clone(), features]);
    }
    let m = size("m", "_M")?;
    let (first, last) = (numbers(entry, "x_first")?, numbers(entry, "y_last")?);
    let fit = n.min(m) > 0 && first.len().max(last.len()) <= d;
    ensure!(fit, "`x_first` or `y_last` shows more than n = {n}, m = {m} and d = {d} allow");
    let (trace, other_trace) = (number(entry, "tr_s1")?, number(entry, "tr_s2")?);
    let real = Recipe::find(seed("seed_x"), (n, d), (0, 0), &first, trace)?;
    let generated = Recipe::find(seed("seed_y"), (m, d), (m - 1, d - last.len()), &last, other_trace)?;
    Ok([real.features(n, d), generated.features(m, d)])
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
        "s1_0_4" => near(checks, *real.covariance.get([0, 4]).context("fewer than 5 columns")?)?,
        "s2_last2" => {
            let before = d.checked_sub(2).context("fewer than 2 columns")?;
            near(checks, generated.covariance[[d - 1, before]])?;
        }
        // Said, not measured.
        "seed" | "seed_x" | "seed_y" => {}
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
