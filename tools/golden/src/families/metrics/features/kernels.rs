//! KID and CMMD. Errors are absolute: values near 0 are differences of means near 1.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use lzn_eval::distribution::{KernelDistances, Subset, cmmd, kid, kid_biased, kid_blocks, kid_subsets};
use ndarray::{Array2, s};
use serde_json::Value;

use super::set::{self, Set};
use super::{BACKEND, entries, is_fact, nearest};
use crate::{Case, Checks};

/// Double precision on both sides.
const EXACT: f64 = 1e-10;

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
        "kid_tfgan_se" | "kid_tfgan_nblocks" => {
            let got = kid_blocks(real, generated, set.block)?;
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

/// Rows of the blocks that error and number belong to: those whose mean stands alone.
pub(super) fn block(entry: &Value) -> usize {
    let alone = |(key, value): (&String, &Value)| {
        key.strip_prefix("kid_tfgan_block")?.parse::<usize>().ok().filter(|_| value.is_number())
    };
    entry.as_object().and_then(|keys| keys.iter().find_map(alone)).unwrap_or(1024)
}

/// The sets of which a case has the rows of random subsets: they start its tensors' names.
pub(super) fn prefixes(draws: &Case) -> BTreeSet<&str> {
    draws.names().filter_map(|name| name.strip_suffix("_x").or_else(|| name.strip_suffix("_y"))).collect()
}

/// Whether tensors called `prefix` belong to a set, whose name may go on with its sizes.
fn are_of(prefix: &str, set: &str) -> bool {
    set.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("_N"))
}

/// The set that tensors called `prefix` belong to: its case, its name and what is expected of it.
fn owner<'a>(draws: &Case, prefix: &str, others: &'a [Case]) -> Option<(&'a Case, &'a str, &'a Value)> {
    let of = |case: &'a Case| entries(case).into_iter().find(|(name, _)| are_of(prefix, name));
    let case = nearest(draws, others, |case| of(case).is_some())?;
    of(case).map(|(name, entry)| (case, name, entry))
}

/// Whether a key is about so many subsets of so many rows.
fn is_about(key: &str, (subsets, rows): (usize, usize)) -> bool {
    let size = format!("{subsets}x{rows}");
    key.starts_with("kid_") && !is_fact(key) && key.split('_').any(|part| part == size)
}

/// Whether a key of a set is compared with the subsets of the case.
pub(super) fn compares(draws: &Case, others: &[Case], case: &Case, set: &str, key: &str) -> bool {
    prefixes(draws).into_iter().any(|prefix| {
        rows(draws, &format!("{prefix}_x")).is_ok_and(|rows| is_about(key, size(&rows)))
            && owner(draws, prefix, others).is_some_and(|(of, name, _)| of.name == case.name && name == set)
    })
}

/// The rows of each subset of one side.
fn rows(draws: &Case, name: &str) -> Result<Vec<Vec<usize>>> {
    let shape = draws.numbers(name)?.shape().to_vec();
    ensure!(shape.len() == 2 && shape[1] > 0, "`{name}` has shape {shape:?}, not [subsets, rows]");
    Ok(draws.indices(name)?.chunks(shape[1]).map(<[usize]>::to_vec).collect())
}

fn size(rows: &[Vec<usize>]) -> (usize, usize) {
    (rows.len(), rows.first().map_or(0, Vec::len))
}

/// Means and deviations over the subsets `{prefix}_x` and `{prefix}_y` of the case.
pub(super) fn subsets(draws: &Case, others: &[Case], prefix: &str) -> Result<Checks> {
    let [real, generated] = ["x", "y"].map(|side| rows(draws, &format!("{prefix}_{side}")));
    let (real, generated) = (real?, generated?);
    let (subsets, rows) = size(&real);
    ensure!(generated.len() == subsets, "`{prefix}_x` has {subsets} subsets, `{prefix}_y` {}", generated.len());
    let found = owner(draws, prefix, others);
    let (case, name, entry) = found.with_context(|| format!("no set of features for `{prefix}`"))?;
    let keys = entry.as_object().into_iter().flatten();
    let keys: Vec<_> = keys.filter(|(key, value)| is_about(key, (subsets, rows)) && !value.is_null()).collect();
    ensure!(!keys.is_empty(), "the set `{name}` has no key `kid_{subsets}x{rows}_same_subsets_f64`");

    let chosen: Vec<Subset> =
        real.into_iter().zip(generated).map(|(real, generated)| Subset { real, generated }).collect();
    let [real, generated] = set::features(case, name, entry)?;
    let got = kid_subsets(real.view(), generated.view(), &chosen)?;
    let mut checks = Checks::new(BACKEND);
    for (key, value) in keys {
        let limit = if key.starts_with("kid_torch_fidelity_") { SINGLE } else { EXACT };
        let [mean, deviation]: [f64; 2] = serde_json::from_value(value.clone()).context(key.clone())?;
        near(&mut checks, key, got.mean, mean, limit);
        near(&mut checks, &format!("{key} deviation"), got.deviation, deviation, limit);
    }
    Ok(checks)
}
