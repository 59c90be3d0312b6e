//! `ncsnpp/`: outputs of encoder and decoder, and the norm of the gradient of `sum(output * cotangent)` for each parameter.

use anyhow::Result;
use lzn_encoders::ImageAnchors;
use lzn_torch::ParamStore;
use tch::{Kind, Tensor};

use super::networks::{self, numbers, optional, tensor};
use crate::{Case, Checks, Family, Line, Tolerance};

/// The family of this file.
#[derive(Debug)]
pub(super) struct Ncsnpp;

impl Family for Ncsnpp {
    fn name(&self) -> &'static str {
        "ncsnpp"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let mut checks = Checks::new("torch-f32");
        if case.has("velocity_out") {
            let decoder = networks::decoder(case, 1.0)?;
            let (latent, label) = (optional(case, "latent")?, optional(case, "label_onehot")?);
            let (x, t) = (tensor(case, "xt")?, tensor(case, "t")?);
            let velocity = decoder.net.forward(&x, &t, latent.as_ref(), label.as_ref(), false)?;
            compare(&mut checks, case, ("velocity_out", &velocity), "cot_velocity")?;
            compare_gradients(&mut checks, case, "decoder_grad_norms", &decoder.params)?;
        }
        if case.has("anchor_out") {
            let encoder = networks::encoder(case)?;
            let anchors = encoder.net.forward(&tensor(case, "image")?, false)?;
            compare(&mut checks, case, ("anchor_out", &anchors), "cot_anchor")?;
            compare_gradients(&mut checks, case, "encoder_grad_norms", &encoder.params)?;
        }
        Ok(vec![checks.line(self.name(), &case.name)])
    }
}

/// Compares an output and propagates the cotangent back.
fn compare(checks: &mut Checks, case: &Case, (name, output): (&str, &Tensor), cotangent: &str) -> Result<()> {
    checks.compare(name, &numbers(output)?, &case.array(name)?, Tolerance::SINGLE.value);
    (output * tensor(case, cotangent)?).sum(Kind::Float).backward();
    Ok(())
}

/// The worst parameter counts. A norm far below the largest one is rounding of much larger terms that cancel, so it is held
/// against a thousandth of the largest.
fn compare_gradients(checks: &mut Checks, case: &Case, name: &str, params: &ParamStore) -> Result<()> {
    let expected = case.vector(name)?;
    let norm = |tensor: &Tensor| if tensor.grad().defined() { tensor.grad().norm().double_value(&[]) } else { 0.0 };
    let got: Vec<f64> = params.named().iter().map(|(_, tensor)| norm(tensor)).collect();
    let floor = expected.iter().fold(0.0_f64, |a, b| a.max(*b)) / 1000.0;
    let errors = got.iter().zip(&expected).map(|(got, expected)| (got - expected).abs() / expected.max(floor));
    // `f64::max` would pass over NaN.
    let worst = errors.fold(0.0_f64, |a, b| if b.is_nan() || b > a { b } else { a });
    let worst = if got.len() == expected.len() { worst } else { f64::INFINITY };
    checks.note(name, worst, Tolerance::SINGLE.gradient);
    Ok(())
}
