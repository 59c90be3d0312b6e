//! Frechet distances. `fid_nuclear` is the truth; other forms, by other libraries, lose digits where covariances lack rank.

use anyhow::{Context, Result};
use lzn_eval::distribution::{frechet_distance, frechet_extrapolation};
use serde::Deserialize;
use serde_json::Value;

use super::set::{Set, number};
use crate::Checks;

/// Relative error of the form that is exact.
const EXACT: f64 = 1e-9;

/// Relative error of other forms, as published.
const PUBLISHED: f64 = 1e-6;

/// Where nothing but 0 is right: the error of a distance, relative to the traces of the covariances.
const NOTHING: f64 = 1e-12;

/// The keys that start with `fid_` and `fd_`.
pub(super) fn check(set: &Set, key: &str, value: &Value, checks: &mut Checks) -> Result<bool> {
    let got = set.distance.value;
    match key {
        "fid_nuclear" => {
            let expected = value.as_f64().context("no number")?;
            let limit = if expected == 0.0 { NOTHING * traces(set).iter().sum::<f64>() } else { EXACT * expected };
            checks.note(key, (got - expected).abs(), limit);
            statistics(set, expected, checks)?;
        }
        "fid_parts" => parts(set, value, checks)?,
        "fid_biased_cov_stylegan" => compare(checks, key, biased(set), value, PUBLISHED)?,
        "fd_inf_prefix" => extrapolation(set, value, checks)?,
        "fid_sqrtm" => compare(checks, key, got, &value[0], PUBLISHED)?,
        _ if key.starts_with("fid_") => compare(checks, key, got, value, PUBLISHED)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Relative to the expected number, or to 1 where rounding is expected.
fn compare(checks: &mut Checks, key: &str, got: f64, expected: &Value, limit: f64) -> Result<()> {
    let expected = expected.as_f64().context("no number")?;
    let scale = if expected.abs() < 1e-5 { 1.0 } else { expected.abs() };
    checks.note(key, (got - expected).abs() / scale, limit);
    Ok(())
}

fn traces(set: &Set) -> [f64; 2] {
    [0, 1].map(|i| set.gaussians[i].covariance.diag().sum())
}

/// From statistics alone on one side or both.
fn statistics(set: &Set, expected: f64, checks: &mut Checks) -> Result<()> {
    let [real, generated] = &set.gaussians;
    let scale = if expected == 0.0 { 1.0 } else { expected };
    for (name, distance) in [
        ("fid_nuclear, statistics", frechet_distance(real, generated)?),
        ("fid_nuclear, statistics and features", frechet_distance(real, set.generated.view())?),
    ] {
        let full = !set.distance.real_rank_deficient && !set.distance.generated_rank_deficient;
        checks.note(name, (distance.value - expected).abs() / scale, if full { EXACT } else { PUBLISHED });
    }
    Ok(())
}

/// The terms.
fn parts(set: &Set, value: &Value, checks: &mut Checks) -> Result<()> {
    let [tr1, tr2] = traces(set);
    let nuclear = (tr1 + tr2 - set.distance.covariance_term) / 2.0;
    for (key, got) in [("mean", set.distance.mean_term), ("tr1", tr1), ("tr2", tr2), ("nuc", nuclear)] {
        checks.compare(&format!("fid_parts.{key}"), &[got], &[number(value, key)?], EXACT);
    }
    Ok(())
}

/// With covariances divided by the number of rows, as StyleGAN divides: they are ours times constants, which go through roots.
fn biased(set: &Set) -> f64 {
    let [tr1, tr2] = traces(set);
    let nuclear = (tr1 + tr2 - set.distance.covariance_term) / 2.0;
    let share = |rows: usize| (rows as f64 - 1.0) / rows as f64;
    let (one, two) = (share(set.real.nrows()), share(set.generated.nrows()));
    set.distance.mean_term + one * tr1 + two * tr2 - 2.0 * (one * two).sqrt() * nuclear
}

#[derive(Deserialize)]
struct Extrapolation {
    sizes: Vec<usize>,
    fd: Vec<f64>,
    intercept: f64,
    slope: f64,
}

fn extrapolation(set: &Set, value: &Value, checks: &mut Checks) -> Result<()> {
    let expected: Extrapolation = serde_json::from_value(value.clone())?;
    let got = frechet_extrapolation(set.real.view(), set.generated.view(), &expected.sizes)?;
    checks.compare("fd_inf.fd", &got.distances, &expected.fd, EXACT);
    checks.compare("fd_inf.intercept", &[got.intercept], &[expected.intercept], EXACT);
    checks.compare("fd_inf.slope", &[got.slope], &[expected.slope], EXACT);
    Ok(())
}
