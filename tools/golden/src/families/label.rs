//! `label/`: the zones of labels: latents from labels, the way back with probabilities, the alignment loss, decisions; and
//! `reverse*`, the way back alone with the probabilities of all anchors.

use anyhow::Result;
use ndarray::Array2;

use super::zoning::{self, Backend, Objective, Zoning};
use crate::{Case, Checks, Family, Line, Tolerance};

/// The family of this file.
#[derive(Debug)]
pub(super) struct Label;

impl Family for Label {
    fn name(&self) -> &'static str {
        "label"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let zoning =
            Zoning { flow: zoning::flow(case)?, anchors: case.matrix("anchors")?, weights: zoning::weights(case)? };
        let labels = if case.has("labels") { Some(case.indices("labels")?) } else { None };
        zoning::backends()
            .iter()
            .map(|backend| {
                let checks = match &labels {
                    Some(labels) => zones(case, &zoning, labels, backend.as_ref()),
                    None => way_back(case, &zoning, backend.as_ref()),
                };
                Ok(checks?.line(self.name(), &case.name))
            })
            .collect()
    }
}

/// A case with labels: both directions, loss and decisions.
fn zones(case: &Case, zoning: &Zoning, labels: &[usize], backend: &dyn Backend) -> Result<Checks> {
    let mut checks = Checks::new(backend.name());
    let limit = backend.tolerance();
    let latents = case.matrix("latents")?;
    let got = backend.to_anchors(zoning, &latents, labels, Objective::Probability(zoning::cut_off(case)?))?;
    checks.compare("own_prob", &got.own_log_probs.mapv(f64::exp), &case.array("own_prob")?, limit.value);
    checks.compare("reverse_final", &got.end_points, &case.array("reverse_final")?, limit.value);
    checks.compare("loss", [&got.value], &case.array("loss")?, limit.value);
    checks.compare("grad_latents", &got.grad_latents, &case.array("grad_latents")?, limit.gradient);
    checks.compare("grad_anchors", &got.grad_anchors, &case.array("grad_anchors")?, limit.gradient);
    checks.equal("predicted", &backend.nearest(zoning, &got.end_points)?, &case.integers("predicted")?);

    if case.has("latents_from_label") {
        let noise = case.matrix("noise")?;
        // Weights belong to the loss: drawing latents of labels, all classes count the same.
        let even = Zoning { flow: zoning.flow.clone(), anchors: zoning.anchors.clone(), weights: None };
        let made = backend.to_latents(&even, labels, &noise, &Array2::zeros(noise.raw_dim()))?;
        checks.compare("latents_from_label", &made.latents, &case.array("latents_from_label")?, limit.value);
    }
    Ok(checks)
}

/// A case without labels: end points, probabilities of all anchors, gradients of `sum(end points * cotangent)`.
fn way_back(case: &Case, zoning: &Zoning, backend: &dyn Backend) -> Result<Checks> {
    let mut checks = Checks::new(backend.name());
    // DPM-Solver++ walks to tau = 1e3 here, which single precision feels and double precision does not.
    let stiff = case.name.starts_with("reverse_dpm") && backend.tolerance() == Tolerance::SINGLE;
    let limit = if stiff { Tolerance::STIFF } else { backend.tolerance() };
    let latents = case.matrix("latents")?;
    let cotangent = case.matrix("cotangent")?;
    // Nobody asks whose latents these are, but whoever is named must have a zone.
    let someone = zoning.weights.as_ref().and_then(|weights| weights.iter().position(|w| *w > 0.0)).unwrap_or(0);
    let owners = vec![someone; latents.nrows()];
    let got = backend.to_anchors(zoning, &latents, &owners, Objective::EndPoints(&cotangent))?;
    checks.compare("reverse_final", &got.end_points, &case.array("reverse_final")?, limit.value);
    checks.compare("grad_latents", &got.grad_latents, &case.array("grad_latents")?, limit.gradient);
    checks.compare("grad_anchors", &got.grad_anchors, &case.array("grad_anchors")?, limit.gradient);
    let probs = backend.all_log_probs(zoning, &latents)?.mapv(f64::exp);
    checks.compare("probs", &probs, &case.array("probs")?, limit.value);
    Ok(checks)
}
