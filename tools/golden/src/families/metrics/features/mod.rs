//! `features`: metrics of sets of features; `kid_subset_indices`: the random numbers that libraries drew for some of them; and
//! files with `x` and `y`, where the features of a set are stored.

mod frechet;
mod kernels;
mod neighbours;
mod recipe;
mod scores;
mod set;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Case, Checks, Line};
pub(super) use kernels::SUBSETS;
use set::Set;

/// What computes here.
const BACKEND: &str = "host-f64";

/// Results that nothing here can reproduce: draws of generators that are not stored, arithmetic in half precision, and facts
/// about the libraries.
const FACTS: &[&str] = &[
    "kid_cleanfid_10x100_np_seed2020",
    "adm_pr_k3_f16_cpu_emulation",
    "sqrtm_info",
    "np_cov_f32_dtype",
    "np_mean_f32_dtype",
];

/// How to compare one key of a set; `false` if the key is not known to the function.
type Check = fn(&Set, &str, &Value, &mut Checks) -> Result<bool>;

const CHECKS: &[Check] = &[set::inputs, frechet::check, kernels::check, neighbours::check, scores::check];

/// One line for each set.
pub(super) fn sets(case: &Case) -> Result<Vec<Line>> {
    let entries = case.meta.as_object().context("no object of sets")?;
    ensure!(!entries.is_empty(), "no sets");
    Ok(entries.iter().map(|(name, entry)| line(case, name, || one(case, name, entry))).collect())
}

fn one(case: &Case, name: &str, entry: &Value) -> Result<(Checks, Vec<String>)> {
    let mut checks = Checks::new(BACKEND);
    if let Some(of) = scores::logits_of(name) {
        let ignored = scores::whole(&Set::load(case, of)?, name, entry, &mut checks)?;
        return Ok((checks, ignored));
    }
    let set = Set::load(case, name)?;
    let mut ignored = Vec::new();
    for (key, value) in entry.as_object().context("not an object")? {
        let elsewhere = kernels::of_subsets(key) && kernels::has_subsets(case, name);
        if FACTS.contains(&key.as_str()) || value.is_null() || elsewhere {
            continue;
        }
        let mut known = false;
        for check in CHECKS {
            known |= check(&set, key, value, &mut checks).with_context(|| format!("key `{key}`"))?;
        }
        if !known {
            ignored.push(key.clone());
        }
    }
    Ok((checks, ignored))
}

/// The line of a set, whatever came of it.
fn line(case: &Case, name: &str, run: impl FnOnce() -> Result<(Checks, Vec<String>)>) -> Line {
    match run() {
        Ok((checks, ignored)) if ignored.is_empty() => checks.line(&case.family, name),
        Ok((checks, ignored)) => {
            checks.line(&case.family, name).with_remark(&format!("not compared: {}", ignored.join(", ")))
        }
        Err(error) => Line::broken(&case.family, name, format!("{error:#}")),
    }
}

/// One line for each set that has subsets, and one for each permutation.
pub(super) fn subsets(case: &Case) -> Result<Vec<Line>> {
    let features = case.sibling(&case.family, "features")?;
    let mut lines: Vec<Line> = case
        .names()
        .filter_map(|name| name.strip_suffix("_x"))
        .map(|prefix| {
            line(case, &format!("{prefix}_subsets"), || Ok((kernels::subsets(case, &features, prefix)?, vec![])))
        })
        .collect();
    let permutations = case.names().filter(|name| name.contains("perm"));
    lines.extend(permutations.map(|name| line(case, name, || Ok((scores::shuffled(case, &features, name)?, vec![])))));
    Ok(lines)
}

/// The formula gives what is stored.
pub(super) fn stored(case: &Case) -> Result<Line> {
    let set = Set::load(&case.sibling(&case.family, "features")?, &case.name)?;
    let mut checks = Checks::new(BACKEND);
    for (name, features) in [("x", &set.real), ("y", &set.generated)] {
        checks.compare(name, &features.mapv(f64::from), &case.array(name)?, 0.0);
    }
    Ok(checks.line(&case.family, &case.name))
}
