//! `metrics/`: what evaluation computes, against independent implementations; one kind of case for each file here.

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
        let line = match case.name.as_str() {
            "features" => return features::sets(case),
            features::SUBSETS => return features::subsets(case),
            "efficientnet_lite0" => efficientnet::check(case)?,
            "inception_hashfill" => inception::check(case)?,
            "preprocess" => preprocess::protocols(case)?,
            "resize_filters" => preprocess::filters(case)?,
            // Features that are also stored.
            _ if case.has("x") && case.has("y") => features::stored(case)?,
            other => bail!("there is no check for a case called `{other}`"),
        };
        Ok(vec![line])
    }
}
