//! Precision, recall, density and coverage: exact counts.

use anyhow::{Context, Result, ensure};
use lzn_eval::distribution::{Boundary, NeighbourRule, neighbour_metrics, neighbour_radii};
use serde_json::Value;

use super::set::{Set, number};
use crate::Checks;

/// The keys `prdc_k*`, `adm_pr_k*`, `torch_fidelity_prc_k*` and `radii_k*`.
pub(super) fn check(set: &Set, key: &str, value: &Value, checks: &mut Checks) -> Result<bool> {
    let (real, generated) = (set.real.view(), set.generated.view());
    if let Some(rest) = key.strip_prefix("radii_k") {
        let (k, rows) = rest.split_once("_first").context("no number of rows")?;
        let expected: Vec<f64> = serde_json::from_value(value.clone())?;
        let shown = rows.parse::<usize>()?.min(real.nrows());
        ensure!(expected.len() == shown, "{} rows instead of {shown}", expected.len());
        checks.compare(key, &neighbour_radii(real, k.parse()?)?[..expected.len()], &expected, 1e-14);
        return Ok(true);
    }
    let prdc = key.strip_prefix("prdc_k");
    let other = || key.strip_prefix("adm_pr_k").or_else(|| key.strip_prefix("torch_fidelity_prc_k"));
    let Some(rest) = prdc.or_else(other) else { return Ok(false) };
    let k = rest.split('_').next().unwrap_or_default().parse().context("no number of neighbours")?;
    let boundary = if prdc.is_some() { Boundary::Outside } else { Boundary::Inside };
    let found = neighbour_metrics(real, generated, &[NeighbourRule { k, boundary }])?.remove(0);

    let (n, m, counts) = (found.n_real as f64, found.n_generated as f64, found.counts);
    let mut equal = |name: &str, got: u64, share: f64, whole: f64| -> Result<()> {
        let expected = (share * whole).round();
        // Shares of libraries in single precision are off by 1e-7.
        ensure!((share * whole - expected).abs() < 1e-3, "{share} of {whole} is no number of rows");
        checks.equal(&format!("{key} {name}"), &[got as i64], &[expected as i64]);
        Ok(())
    };
    let share = |place: usize, name: &str| match value.as_array() {
        Some(list) => list.get(place).and_then(Value::as_f64).with_context(|| format!("no {name}")),
        None => number(value, name),
    };
    equal("precision", counts.precise, share(0, "precision")?, m)?;
    equal("recall", counts.recalled, share(1, "recall")?, n)?;
    if prdc.is_some() {
        equal("density", counts.pairs, number(value, "density")?, k as f64 * m)?;
        equal("coverage", counts.covered, number(value, "coverage")?, n)?;
    }
    Ok(true)
}
