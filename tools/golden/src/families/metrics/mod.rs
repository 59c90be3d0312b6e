//! `metrics/`: what evaluation computes, against independent implementations; one kind of case for each file here. What a
//! case is shows by what it holds, whatever it is called.

mod efficientnet;
mod features;
mod generator;
mod inception;
mod preprocess;

use anyhow::{Result, bail};

use crate::{Case, Family, Form, Line};

/// The family of this folder.
#[derive(Debug)]
pub(super) struct Metrics;

impl Family for Metrics {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn form(&self) -> Form {
        Form::Either
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let holds = |mark: &str| case.names().any(|tensor| tensor.contains(mark));
        let line = if features::has_sets(case) {
            return features::sets(case);
        } else if case.has("x") {
            features::stored(case)?
        } else if features::has_draws(case) {
            return features::draws(case);
        } else if holds(efficientnet::MARK) {
            efficientnet::check(case)?
        } else if holds(inception::MARK) {
            inception::check(case)?
        } else if holds(preprocess::MARK) {
            preprocess::protocols(case)?
        } else if case.has("input") && case.meta.get("cases").is_some() {
            preprocess::filters(case)?
        } else {
            bail!("nothing here knows what `{}` holds: neither sets of features nor tensors of images", case.name)
        };
        Ok(vec![line])
    }
}
