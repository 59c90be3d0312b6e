//! KID and CMMD. Errors are absolute: values near 0 are differences of means near 1.

use anyhow::{Context, Result, ensure};
use lzn_eval::distribution::{KernelDistances, Subset, cmmd, kid, kid_biased, kid_blocks, kid_subsets};
use ndarray::{Array2, s};
use serde_json::Value;

use super::BACKEND;
use super::set::Set;
use crate::{Case, Checks};

/// Double precision on both sides.
const EXACT: f64 = 1e-10;

/// The case with the rows of random subsets.
pub(in super::super) const SUBSETS: &str = "kid_subset_indices";

/// The library computes in single precision.
const SINGLE: f64 = 1e-6;

/// The keys that start with `kid_` and `cmmd_`, but for those with random subsets.
pub(super) fn check(set: &Set, key: &str, value: &Value, checks: &mut Checks) -> Result<bool> {
    let (real, generated) = (set.real.view(), set.generated.view());
    let expected = || value.as_f64().context("no number");
    match key {
        "kid_full_unbiased" => near(checks, key, kid(real, generated)?.value, expected()?, EXACT),
        "kid_full_biased" => near(checks, key, kid_biased(real, generated)?.value, expected()?, EXACT),
        "cmmd_unitnorm_sigma10_x1000" => near(checks, key, cmmd(real, generated)?.value, expected()?, EXACT),
        // Compared with the blocks of 1,024 that they belong to.
        "kid_tfgan_se" | "kid_tfgan_nblocks" => {
            let got = kid_blocks(real, generated, 1024)?;
            let got = if key.ends_with("se") { standard_error(&got) } else { got.values.len() as f64 };
            near(checks, key, got, expected()?, EXACT);
        }
        _ => {
            if let Some(rows) = key.strip_prefix("kid_first") {
                let first = |set: &Array2<f32>| {
                    anyhow::Ok(set.slice(s![..rows.parse::<usize>()?.min(set.nrows()), ..]).to_owned())
                };
                let (real, generated) = (first(&set.real)?, first(&set.generated)?);
                near(checks, key, kid(real.view(), generated.view())?.value, expected()?, EXACT);
            } else if let Some(most) = key.strip_prefix("kid_tfgan_block") {
                blocks(checks, key, &kid_blocks(real, generated, most.parse()?)?, value)?;
            } else {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn near(checks: &mut Checks, key: &str, got: f64, expected: f64, limit: f64) {
    checks.note(key, (got - expected).abs(), limit);
}

/// Without an error where there is one block.
fn standard_error(found: &KernelDistances) -> f64 {
    found.standard_error.unwrap_or(f64::NAN)
}

/// The mean alone, or mean, standard error and number of blocks.
fn blocks(checks: &mut Checks, key: &str, got: &KernelDistances, value: &Value) -> Result<()> {
    let Some(list) = value.as_array() else {
        near(checks, key, got.mean, value.as_f64().context("no number")?, EXACT);
        return Ok(());
    };
    ensure!(list.len() == 3, "not mean, standard error and number");
    near(checks, key, got.mean, list[0].as_f64().context("no mean")?, EXACT);
    if let Some(error) = list[1].as_f64() {
        near(checks, key, standard_error(got), error, EXACT);
    }
    near(checks, key, got.values.len() as f64, list[2].as_f64().context("no number")?, 0.0);
    Ok(())
}

/// Whether a key is about random subsets.
pub(super) fn of_subsets(key: &str) -> bool {
    key.starts_with("kid_") && (key.ends_with("_same_subsets_f64") || key.ends_with("_seed2020"))
}

/// Whether the subsets of a set are stored, and compared there.
pub(super) fn has_subsets(case: &Case, set: &str) -> bool {
    let stored = case.sibling(&case.family, SUBSETS);
    stored
        .is_ok_and(|stored| stored.names().filter_map(|name| name.strip_suffix("_x")).any(|prefix| are_of(prefix, set)))
}

/// Whether tensors called `prefix` belong to a set, whose name may go on with its sizes.
fn are_of(prefix: &str, set: &str) -> bool {
    set.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("_N"))
}

/// Means and deviations over the subsets `{prefix}_x` and `{prefix}_y` of the case.
pub(super) fn subsets(case: &Case, features: &Case, prefix: &str) -> Result<Checks> {
    let sets = features.meta.as_object().context("no object of sets")?;
    let name =
        sets.keys().find(|name| are_of(prefix, name)).with_context(|| format!("no set of features for `{prefix}`"))?;
    let set = Set::load(features, name)?;
    let [x, y] = ["x", "y"].map(|side| case.integers(&format!("{prefix}_{side}")));
    let shape = case.numbers(&format!("{prefix}_x"))?.shape().to_vec();
    ensure!(shape.len() == 2, "`{prefix}_x` is not [subsets, rows]");
    let rows = |indices: Vec<i64>| -> Vec<Vec<usize>> {
        indices.chunks(shape[1]).map(|rows| rows.iter().map(|row| *row as usize).collect()).collect()
    };
    let chosen: Vec<Subset> =
        rows(x?).into_iter().zip(rows(y?)).map(|(real, generated)| Subset { real, generated }).collect();
    let got = kid_subsets(set.real.view(), set.generated.view(), &chosen)?;
    let mut checks = Checks::new(BACKEND);
    let size = format!("{}x{}", shape[0], shape[1]);
    for (key, limit) in
        [(format!("kid_{size}_same_subsets_f64"), EXACT), (format!("kid_torch_fidelity_{size}_seed2020"), SINGLE)]
    {
        let [mean, deviation]: [f64; 2] = serde_json::from_value(sets[name][&key].clone()).context(key.clone())?;
        near(&mut checks, &key, got.mean, mean, limit);
        near(&mut checks, &format!("{key} deviation"), got.deviation, deviation, limit);
    }
    Ok(checks)
}
