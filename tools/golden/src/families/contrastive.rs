//! `contrastive/`: latents of one view, carried to the anchors of another: both losses, and the gradients of the log form.

use anyhow::Result;

use super::zoning::{self, Backend, Objective, Zoning};
use crate::{Case, Checks, Family, Line};

/// The family of this file.
#[derive(Debug)]
pub(super) struct Contrastive;

impl Family for Contrastive {
    fn name(&self) -> &'static str {
        "contrastive"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        zoning::backends()
            .iter()
            .map(|backend| Ok(views(case, backend.as_ref())?.line(self.name(), &case.name)))
            .collect()
    }
}

fn views(case: &Case, backend: &dyn Backend) -> Result<Checks> {
    let view =
        |name| Ok::<_, anyhow::Error>(Zoning { flow: zoning::flow(case)?, anchors: case.matrix(name)?, weights: None });
    let (first, second) = (view("anchors_view1")?, view("anchors_view2")?);
    let noise = case.matrix("noise")?;
    let owners: Vec<usize> = (0..noise.nrows()).collect();
    let cut_off = zoning::cut_off(case)?;
    let limit = backend.tolerance();

    // The chain rule by hand: what the loss wants of the latents is the cotangent of the way that made them.
    let nothing = ndarray::Array2::zeros(noise.raw_dim());
    let latents = backend.to_latents(&first, &owners, &noise, &nothing)?.latents;
    let aligned = backend.to_anchors(&second, &latents, &owners, Objective::Log(cut_off))?;
    let grad_first = backend.to_latents(&first, &owners, &noise, &aligned.grad_latents)?.grad_anchors;
    let [prob_loss, cross_entropy_loss, accuracy] = backend.losses(&aligned.own_log_probs, cut_off)?;

    let mut checks = Checks::new(backend.name());
    checks.compare("latents", &latents, &case.array("latents")?, limit.value);
    checks.compare("own_prob", &aligned.own_log_probs.mapv(f64::exp), &case.array("own_prob")?, limit.value);
    checks.compare("reverse_final", &aligned.end_points, &case.array("reverse_final")?, limit.value);
    checks.compare("cross_entropy_loss", [&cross_entropy_loss], &case.array("cross_entropy_loss")?, limit.value);
    checks.compare("prob_loss", [&prob_loss], &case.array("prob_loss")?, limit.value);
    checks.compare("assignment_acc", [&accuracy], &case.array("assignment_acc")?, limit.value);
    checks.compare("grad_view1", &grad_first, &case.array("grad_view1")?, limit.gradient);
    checks.compare("grad_view2", &aligned.grad_anchors, &case.array("grad_view2")?, limit.gradient);
    Ok(checks)
}
