//! `latent/`: anchors and noise to latents, and the gradient of `sum(latents * cotangent)` with respect to the anchors.

use anyhow::{Result, ensure};

use super::zoning::{self, Zoning};
use crate::{Case, Checks, Family, Line};

/// The family of this file.
#[derive(Debug)]
pub(super) struct Latent;

impl Family for Latent {
    fn name(&self) -> &'static str {
        "latent"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let zoning =
            Zoning { flow: zoning::flow(case)?, anchors: case.matrix("anchors")?, weights: zoning::weights(case)? };
        let (noise, cotangent) = (case.matrix("noise")?, case.matrix("cotangent")?);
        let (latents, grad_anchors) = (case.matrix("latents")?, case.matrix("grad_anchors")?);
        let [first, end] = case.find("query_rows")?.unwrap_or([0, zoning.anchors.nrows()]);
        ensure!(
            first <= end && end - first == noise.nrows(),
            "query_rows {first}..{end} for {} rows of noise",
            noise.nrows()
        );
        let owners: Vec<usize> = (first..end).collect();
        let run = |backend: &dyn zoning::Backend| {
            let (got, limit) = (backend.to_latents(&zoning, &owners, &noise, &cotangent)?, backend.tolerance());
            let mut checks = Checks::new(backend.name());
            checks.compare("latents", &got.latents, &latents, limit.value);
            checks.compare("grad_anchors", &got.grad_anchors, &grad_anchors, limit.gradient);
            Ok(checks.line(self.name(), &case.name))
        };
        zoning::backends().iter().map(|backend| run(backend.as_ref())).collect()
    }
}
