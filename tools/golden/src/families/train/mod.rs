//! `train/`: iterations of the joint model with every random draw given: losses, gradient norms, learning rates, and all
//! weights and averages afterwards.

pub(super) mod recipe;

use anyhow::{Context, Result};
use lzn_tasks::objective::{Draws, StepContext};
use lzn_tasks::train::{StepEngine, StepReport};
use lzn_tasks::{Lzn, PartName};
use serde::Deserialize;
use serde_json::Value;
use tch::{Device, Tensor};

use super::networks::{fill, listed_names, numbers, tensor};
use crate::{Case, Checks, Family, Line};

/// Single precision, with Adam in between: it divides by the size of gradients, so that small ones pass their rounding on.
const NUMBERS: f64 = 1e-3;
/// Learning rates are a handful of operations in double precision.
const RATES: f64 = 1e-12;

/// The family of this file.
#[derive(Debug)]
pub(super) struct Train;

/// What the reference wrote down at each iteration.
#[derive(Debug, Deserialize)]
struct Record {
    label_loss: f64,
    recon_loss: f64,
    total: f64,
    grad_norm: f64,
    /// Of encoder, decoder and label anchors.
    lr: Vec<f64>,
}

impl Family for Train {
    fn name(&self) -> &'static str {
        "train"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let mut engine = engine(case)?;
        let records: Vec<Record> = case.get("records")?;
        let mut checks = Checks::new("torch-f32");
        for (step, record) in records.iter().enumerate() {
            let report = engine.step(step as u64, &context(case, step)?)?;
            compare_report(&mut checks, step, &report, record)?;
        }
        compare_weights(&mut checks, case, &engine, records.len())?;
        Ok(vec![checks.line(self.name(), &case.name)])
    }
}

/// The model of the case with its first weights.
fn engine(case: &Case) -> Result<StepEngine> {
    let config = recipe::config(case)?;
    // Every value is overwritten below.
    let model = Lzn::new(&config.model, &config.data, case.get("num_classes")?, config.seed, Device::Cpu)?;
    for (part, params) in model.parts() {
        if part == PartName::LABELS {
            let anchors = tensor(case, "label_anchor.anchor")?;
            tch::no_grad(|| params.named().iter().for_each(|(_, table)| table.shallow_clone().copy_(&anchors)));
        } else {
            fill(case, &params, case.get(&order_key(&part))?, 1.0).with_context(|| order_key(&part))?;
        }
    }
    Ok(StepEngine::new(model, &config)?)
}

fn order_key(part: &PartName) -> String {
    format!("{part}_parameter_order")
}

/// The batch and the draws of one iteration.
fn context(case: &Case, step: usize) -> Result<StepContext> {
    let given = |name: &str| tensor(case, &format!("it{step}.{name}"));
    let draws = Draws::of_step(0, step as u64, Device::Cpu);
    let draws = draws.with("latent-noise", given("noise")?).with("flow-noise", given("x0")?);
    let draws = draws.with("flow-time", given("t")?);
    let labels = Tensor::from_slice(&case.integers(&format!("it{step}.label"))?);
    Ok(StepContext::new(given("image")?, labels, draws))
}

fn compare_report(checks: &mut Checks, step: usize, report: &StepReport, record: &Record) -> Result<()> {
    let value = |name: &str| {
        let found = report.values.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| *value).with_context(|| format!("iteration {step} reports no `{name}`"))
    };
    for (name, expected) in [
        ("align/image-label", record.label_loss),
        ("rectified_flow", record.recon_loss),
        ("loss", record.total),
        ("grad_norm", record.grad_norm),
    ] {
        checks.compare(&format!("it{step} {name}"), &[value(name)?], &[expected], NUMBERS);
    }
    let rates = ["encoder", "decoder", "labels"].map(|part| value(&format!("lr/{part}")));
    let rates: Vec<f64> = rates.into_iter().collect::<Result<_>>()?;
    checks.compare(&format!("it{step} lr"), &rates, &record.lr, RATES);
    Ok(())
}

/// All tensors of a part together: those whose exact gradient is zero, such as the biases of attention keys, move by rounding
/// alone, which Adam blows up to whole steps.
fn compare_weights(checks: &mut Checks, case: &Case, engine: &StepEngine, steps: usize) -> Result<()> {
    for (state, (part, params)) in engine.parts.iter().zip(engine.model.parts()) {
        let theirs = if part == PartName::LABELS { "label_anchor".to_owned() } else { part.to_string() };
        let names = match part == PartName::LABELS {
            true => vec!["anchor".to_owned()],
            false => listed_names(case.get::<Value>(&order_key(&part))?)?,
        };
        let names = names.iter().map(|name| format!("after{steps}.{theirs}.{name}"));
        together(checks, case, names, params.named()).with_context(|| format!("weights of the {part}"))?;
        // Published averages are lists without names, of the trainable parameters.
        let averages = state.ema.state();
        let names: Vec<String> = (0..averages.len()).map(|i| format!("after{steps}.{theirs}_ema.{i}")).collect();
        if names.first().is_some_and(|name| case.has(name)) {
            together(checks, case, names.into_iter(), averages).with_context(|| format!("averages of the {part}"))?;
        }
    }
    Ok(())
}

/// Compares tensors by position as one long vector.
fn together(
    checks: &mut Checks,
    case: &Case,
    names: impl Iterator<Item = String>,
    ours: Vec<(String, Tensor)>,
) -> Result<()> {
    let (mut got, mut expected, mut what) = (Vec::new(), Vec::new(), String::new());
    for (name, (_, tensor)) in names.zip(&ours) {
        let theirs = case.vector(&name)?;
        anyhow::ensure!(
            theirs.len() == tensor.numel(),
            "`{name}` has {} values, ours {}",
            theirs.len(),
            tensor.numel()
        );
        got.extend(numbers(tensor)?);
        expected.extend(theirs);
        what = name;
    }
    let what: Vec<&str> = what.split('.').take(2).collect();
    checks.compare(&what.join("."), &got, &expected, NUMBERS);
    Ok(())
}
