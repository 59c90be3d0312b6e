//! Metrics of sets of features; the random numbers that libraries drew for some of them; and files with `x` and `y`, where the
//! features of a set are stored.

mod frechet;
mod kernels;
mod neighbours;
mod recipe;
mod scores;
mod set;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{Case, Checks, Line};
use set::Set;

/// What computes here.
const BACKEND: &str = "host-f64";

/// How keys start that a set of features has.
const STARTS: [&str; 6] = ["fid_", "kid_", "prdc_k", "adm_pr_k", "cmmd_", "x_first"];

/// How to compare one key of a set; `false` if the key is not known to the function.
type Check = fn(&Set, &str, &Value, &mut Checks) -> Result<bool>;

const CHECKS: &[Check] = &[set::inputs, frechet::check, kernels::check, neighbours::check, scores::check];

/// Whether a key has what nothing here can reproduce: draws of generators that are not stored, arithmetic in half precision,
/// and facts about the libraries.
fn is_fact(key: &str) -> bool {
    let half = key.starts_with("adm_pr_k") && key.ends_with("_f16_cpu_emulation");
    half || key.starts_with("kid_cleanfid_") || key == "sqrtm_info"
}

/// Whether a case is about sets of features.
pub(super) fn has_sets(case: &Case) -> bool {
    entries(case).iter().any(|(name, entry)| is_set(entry) || scores::logits_of(name).is_some())
}

/// Whether a case has random draws that belong to sets of features.
pub(super) fn has_draws(case: &Case) -> bool {
    let any = !kernels::prefixes(case).is_empty() || scores::orders(case).next().is_some();
    any && !case.has("x") && !has_sets(case)
}

fn is_set(entry: &Value) -> bool {
    let known = |key: &String| STARTS.iter().any(|start| key.starts_with(start));
    entry.as_object().is_some_and(|keys| keys.keys().any(known))
}

/// The sets of a case by name. Keys of a set at the top are those of one set, which is called like the case.
fn entries(case: &Case) -> Vec<(&str, &Value)> {
    if is_set(&case.meta) {
        return vec![(case.name.as_str(), &case.meta)];
    }
    let named = case.meta.as_object().into_iter().flatten();
    // Words say what the case is about.
    named.filter(|(_, entry)| !entry.is_string()).map(|(name, entry)| (name.as_str(), entry)).collect()
}

/// Of the cases that `has` asks for, the one whose name ends most like that of the draws: `subsets_b` belongs to `features_b`.
fn nearest<'a>(draws: &Case, others: &'a [Case], has: impl Fn(&'a Case) -> bool) -> Option<&'a Case> {
    let ending =
        |case: &Case| case.name.bytes().rev().zip(draws.name.bytes().rev()).take_while(|(a, b)| a == b).count();
    others.iter().filter(|&case| has(case)).max_by_key(|case| ending(case))
}

/// One line for each set.
pub(super) fn sets(case: &Case) -> Result<Vec<Line>> {
    let others = case.siblings()?;
    let lines = entries(case).into_iter().map(|(name, entry)| line(case, name, || one(case, name, entry, &others)));
    Ok(lines.collect())
}

fn one(case: &Case, name: &str, entry: &Value, others: &[Case]) -> Result<(Checks, Vec<String>)> {
    let mut checks = Checks::new(BACKEND);
    let mut ignored = match scores::logits_of(name) {
        Some(_) => scores::whole(case, name, entry, &mut checks)?,
        None => compare(&Set::load(case, name, entry)?, entry, &mut checks)?,
    };
    ignored.retain(|key| {
        !others.iter().filter(|other| has_draws(other)).any(|draws| {
            kernels::compares(draws, others, case, name, key) || scores::compares(draws, others, case, name, key)
        })
    });
    Ok((checks, ignored))
}

/// Compares what is expected of a set; keys that are not known come back.
fn compare(set: &Set, entry: &Value, checks: &mut Checks) -> Result<Vec<String>> {
    let mut ignored = Vec::new();
    for (key, value) in entry.as_object().context("not an object")? {
        // Null stands for what could not be computed, and words are no numbers.
        if is_fact(key) || value.is_null() || value.is_string() {
            continue;
        }
        let mut known = false;
        for check in CHECKS {
            known |= check(set, key, value, checks).with_context(|| format!("key `{key}`"))?;
        }
        if !known {
            ignored.push(key.clone());
        }
    }
    Ok(ignored)
}

/// The line of a set, whatever came of it.
fn line(case: &Case, name: &str, run: impl FnOnce() -> Result<(Checks, Vec<String>)>) -> Line {
    match run() {
        Ok((checks, ignored)) if ignored.is_empty() => checks.line(&case.family, name),
        Ok((checks, ignored)) => {
            checks.line(&case.family, name).with_remark(&format!("not compared: {}", ignored.join(", ")))
        }
        Err(error) => Line::broken(&case.family, name, format!("{}: {error:#}", case.name)),
    }
}

/// One line for each set that has subsets, and one for each permutation.
pub(super) fn draws(case: &Case) -> Result<Vec<Line>> {
    let others = case.siblings()?;
    let subsets = kernels::prefixes(case).into_iter().map(|prefix| {
        line(case, &format!("{prefix}_subsets"), || Ok((kernels::subsets(case, &others, prefix)?, vec![])))
    });
    let orders =
        scores::orders(case).map(|name| line(case, name, || Ok((scores::shuffled(case, &others, name)?, vec![]))));
    Ok(subsets.chain(orders).collect())
}

/// What is expected of stored features stands in another file.
pub(super) fn stored(case: &Case) -> Result<Line> {
    let others = case.siblings()?;
    let found = others.iter().flat_map(entries).find(|(name, entry)| *name == case.name && is_set(entry));
    let (name, entry) = found.with_context(|| format!("no file says what to expect of a set `{}`", case.name))?;
    let mut checks = Checks::new(BACKEND);
    // Keys that are not known are named in the line of that file.
    compare(&Set::load(case, name, entry)?, entry, &mut checks)?;
    Ok(checks.line(&case.family, name))
}
