//! `metrics/`: what evaluation computes, against independent implementations; one kind of case for each file here.

mod efficientnet;
mod generator;
mod inception;
mod preprocess;

use anyhow::{Result, bail};

use crate::{Case, Family, Line};

/// The family of this folder.
#[derive(Debug)]
pub(super) struct Metrics;

impl Family for Metrics {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let line = match case.name.as_str() {
            "efficientnet_lite0" => efficientnet::check(case)?,
            "inception_hashfill" => inception::check(case)?,
            "preprocess" => preprocess::protocols(case)?,
            "resize_filters" => preprocess::filters(case)?,
            other => bail!("there is no check for a case called `{other}`"),
        };
        Ok(vec![line])
    }
}
