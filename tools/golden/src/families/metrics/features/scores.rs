//! Inception Scores of the generated features times a number, taken as logits.

use anyhow::{Context, Result, ensure};
use lzn_eval::distribution::{InceptionScore, Splits, inception_score};
use ndarray::{Array2, Axis};
use serde_json::Value;

use super::BACKEND;
use super::set::Set;
use crate::{Case, Checks};

/// Relative error. Libraries sum in float64 too, from logits in float32.
const EXACT: f64 = 1e-9;

const PREFIX: &str = "isc_on_";
const MIDDLE: &str = "_y_times";

/// The set whose features are the logits of the entry `name`, if it is one.
pub(super) fn logits_of(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)?.split_once(MIDDLE).map(|(set, _)| set)
}

fn logits(set: &Set, name: &str) -> Result<Array2<f32>> {
    let (_, factor) = name.split_once(MIDDLE).context("no factor")?;
    Ok(&set.generated * factor.parse::<f32>()?)
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
pub(super) fn whole(set: &Set, name: &str, entry: &Value, checks: &mut Checks) -> Result<Vec<String>> {
    let logits = logits(set, name)?;
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
        } else if !key.starts_with("torch_fidelity_shuffle") {
            // What is shuffled is compared where the permutation is.
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

/// Scores of rows in the order `name` of the case.
pub(super) fn shuffled(case: &Case, features: &Case, name: &str) -> Result<Checks> {
    let order = case.indices(name)?;
    let mut checks = Checks::new(BACKEND);
    for (entry, values) in features.meta.as_object().context("no object of sets")? {
        let Some(of) = logits_of(entry) else { continue };
        let logits = logits(&Set::load(features, of)?, entry)?;
        ensure!(order.len() == logits.nrows(), "`{name}` has {} rows, the set {}", order.len(), logits.nrows());
        let logits = logits.select(Axis(0), &order);
        for (key, value) in values.as_object().context("not an object")? {
            if let Some((_, splits)) =
                key.strip_prefix("torch_fidelity_shuffle").and_then(|rest| rest.split_once("_splits"))
            {
                let got = inception_score(logits.view(), Splits::Number(splits.parse()?))?;
                mean_and_deviation(&mut checks, key, &got, value)?;
            }
        }
    }
    Ok(checks)
}
