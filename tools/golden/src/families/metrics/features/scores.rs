//! Inception Scores of the generated features times a number, taken as logits.

use anyhow::{Context, Result, ensure};
use lzn_eval::distribution::{InceptionScore, Splits, inception_score};
use ndarray::{Array2, Axis};
use serde_json::Value;

use super::set::{self, Set};
use super::{BACKEND, entries, nearest};
use crate::{Case, Checks};

/// Relative error. Libraries sum in float64 too, from logits in float32.
const EXACT: f64 = 1e-9;

const PREFIX: &str = "isc_on_";
const MIDDLE: &str = "_y_times";

/// Keys with scores of rows in another order start with this.
const SHUFFLE: &str = "torch_fidelity_shuffle";

/// The set whose features are the logits of the entry `name`, if it is one, and the factor.
pub(super) fn logits_of(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PREFIX)?.split_once(MIDDLE)
}

/// The logits of the entry `name` of the case.
fn logits(case: &Case, name: &str) -> Result<Array2<f32>> {
    let (set, factor) = logits_of(name).context("no logits")?;
    let found = entries(case).into_iter().find(|(name, _)| *name == set);
    let (_, entry) = found.with_context(|| format!("no set of features for `{name}`"))?;
    let [_, generated] = set::features(case, set, entry)?;
    Ok(generated * factor.parse::<f32>()?)
}

/// The key `is_single_split_logits_*y` of a set.
pub(super) fn check(set: &Set, key: &str, value: &Value, checks: &mut Checks) -> Result<bool> {
    let Some(factor) = key.strip_prefix("is_single_split_logits_").and_then(|rest| rest.strip_suffix('y')) else {
        return Ok(false);
    };
    let logits = &set.generated * factor.parse::<f32>()?;
    let got = inception_score(logits.view(), Splits::Number(1))?;
    checks.compare(key, &[got.mean], &[value.as_f64().context("no number")?], EXACT);
    Ok(true)
}

/// All keys of an entry that is about logits; those that are not known come back.
pub(super) fn whole(case: &Case, name: &str, entry: &Value, checks: &mut Checks) -> Result<Vec<String>> {
    let logits = logits(case, name)?;
    let mut ignored = Vec::new();
    for (key, value) in entry.as_object().context("not an object")? {
        let score = |splits: Splits| inception_score(logits.view(), splits).with_context(|| format!("key `{key}`"));
        if let Some(number) = key.strip_prefix("torch_fidelity_noshuffle_splits") {
            mean_and_deviation(checks, key, &score(Splits::Number(number.parse()?))?, value)?;
        } else if let Some(rest) = key.strip_prefix("adm_split") {
            let digits = rest.split('_').next().unwrap_or_default();
            let got = score(Splits::Size(digits.parse()?))?;
            match value.as_array() {
                Some(_) => checks.compare(key, &got.scores, &serde_json::from_value::<Vec<f64>>(value.clone())?, EXACT),
                None => checks.compare(key, &[got.mean], &[value.as_f64().context("no number")?], EXACT),
            }
        } else {
            ignored.push(key.clone());
        }
    }
    Ok(ignored)
}

fn mean_and_deviation(checks: &mut Checks, key: &str, got: &InceptionScore, value: &Value) -> Result<()> {
    let [mean, deviation]: [f64; 2] = serde_json::from_value(value.clone())?;
    checks.compare(key, &[got.mean], &[mean], EXACT);
    // Where there is one split, the deviation is 0.
    checks.note(&format!("{key} deviation"), (got.deviation - deviation).abs() / mean, EXACT);
    Ok(())
}

/// Names of the permutations of a case.
pub(super) fn orders(draws: &Case) -> impl Iterator<Item = &str> {
    draws.names().filter(|name| name.contains("perm"))
}

/// The logits with so many rows: their case and their entries.
fn owner<'a>(draws: &Case, rows: usize, others: &'a [Case]) -> Option<(&'a Case, Vec<(&'a str, &'a Value)>)> {
    let of = |case: &'a Case| {
        let mut found = entries(case);
        found.retain(|(name, _)| logits(case, name).is_ok_and(|logits| logits.nrows() == rows));
        found
    };
    let case = nearest(draws, others, |case| !of(case).is_empty())?;
    Some((case, of(case)))
}

/// Whether a key of the entry `name` is compared with the permutations of the case.
pub(super) fn compares(draws: &Case, others: &[Case], case: &Case, name: &str, key: &str) -> bool {
    let is_owned = |order: &str| {
        let rows = draws.indices(order).map_or(0, |rows| rows.len());
        owner(draws, rows, others)
            .is_some_and(|(of, found)| of.name == case.name && found.iter().any(|(entry, _)| *entry == name))
    };
    key.starts_with(SHUFFLE) && orders(draws).any(is_owned)
}

/// Scores of rows in the order `name` of the case.
pub(super) fn shuffled(draws: &Case, others: &[Case], name: &str) -> Result<Checks> {
    let order = draws.indices(name)?;
    let found = owner(draws, order.len(), others);
    let (case, found) = found.with_context(|| format!("no logits with the {} rows of `{name}`", order.len()))?;
    ensure!(order.iter().all(|row| *row < order.len()), "`{name}` is no permutation");
    let mut checks = Checks::new(BACKEND);
    for (entry, values) in found {
        let logits = logits(case, entry)?.select(Axis(0), &order);
        for (key, value) in values.as_object().context("not an object")? {
            if let Some((_, splits)) = key.strip_prefix(SHUFFLE).and_then(|rest| rest.split_once("_splits")) {
                let got = inception_score(logits.view(), Splits::Number(splits.parse()?))?;
                mean_and_deviation(&mut checks, key, &got, value)?;
            }
        }
    }
    Ok(checks)
}
