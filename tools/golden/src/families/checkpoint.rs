//! `checkpoint/`: files in the layout of the published code, each with inputs and the outputs of its raw weights and its averages.
//!
//! `NAME.io.json` has the options and `NAME.io.safetensors` inputs and outputs for the file `NAME-*.pt` beside them. The file goes the
//! whole way: it is imported into a run folder, and what is compared are the networks of that folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use lzn_tasks::Weights;
use lzn_tasks::config::{
    EncoderConfig, EvaluateConfig, FlowConfig, LabelConfig, ModelConfig, ObjectiveConfig, ObjectiveKind, RunConfig,
    SolverKind, TrainConfig,
};
use lzn_tasks::published::{ImportOptions, import};
use tch::Device;

use super::networks::{numbers, optional, options, tensor};
use super::train::recipe::data;
use crate::{Case, Checks, Family, Line, Tolerance};

/// The family of this file.
#[derive(Debug)]
pub(super) struct Checkpoint;

impl Family for Checkpoint {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn run(&self, case: &Case) -> Result<Vec<Line>> {
        let folder = tempfile::tempdir()?;
        let run = folder.path().join("run");
        let options = ImportOptions { device: Device::Cpu, bank: 0 };
        import(&checkpoint(case)?, &config(case)?, &run, &options)?;
        let mut lines = Vec::new();
        for (backend, raw, ending) in [("raw", true, ""), ("averages", false, "_ema")] {
            let mut checks = Checks::new(backend);
            compare(&mut checks, case, &Weights::open(&run, raw, Device::Cpu)?, ending)?;
            lines.push(checks.line(self.name(), &case.name));
        }
        Ok(lines)
    }
}

/// The file `NAME.pt` or `NAME-EPOCH-ITERATION.pt` beside `NAME.io.json`.
fn checkpoint(case: &Case) -> Result<PathBuf> {
    let name = case.name.strip_suffix(".io").unwrap_or(&case.name);
    let is_it = |path: &Path| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        file.strip_prefix(name).is_some_and(|rest| rest == ".pt" || rest.starts_with('-') && rest.ends_with(".pt"))
    };
    let folder = case.folder();
    let files = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).filter(|path| is_it(path)).collect();
    files.sort();
    files.into_iter().next().ok_or_else(|| anyhow!("{}: no file {name}-*.pt", folder.display()))
}

/// A configuration of the networks; how they were trained is not in the case.
fn config(case: &Case) -> Result<RunConfig> {
    let options = options::read(case)?;
    let classes: usize = case.find("num_classes")?.unwrap_or(0);
    Ok(RunConfig {
        seed: 0,
        data: data(options.image),
        model: ModelConfig {
            latent_dim: case.get("latent_dim")?,
            label_conditional: classes > 0,
            normalise_anchors: false,
            image_flow: FlowConfig { solver: SolverKind::DpmSolver, steps: 20, order: 3 },
            label_flow: FlowConfig { solver: SolverKind::Euler, steps: 100, order: 3 },
            decoder: Some(options.decoder),
            encoder: Some(EncoderConfig::Ncsnpp(options.encoder)),
            labels: (classes > 0).then(LabelConfig::default),
            text: None,
            text_flow: None,
        },
        objectives: vec![ObjectiveConfig::new(ObjectiveKind::RectifiedFlow)],
        train: TrainConfig::default(),
        evaluate: EvaluateConfig::default(),
        custom: None,
    })
}

/// Outputs of one set of weights; a case without label anchors has none of theirs.
fn compare(checks: &mut Checks, case: &Case, weights: &Weights, ending: &str) -> Result<()> {
    let (model, limit) = (&weights.model, Tolerance::SINGLE.value);
    let mut compare = |name: &str, ours: &tch::Tensor| -> Result<()> {
        let name = format!("{name}{ending}");
        checks.compare(&name, &numbers(ours)?, &case.array(&name)?, limit);
        Ok(())
    };
    compare("anchor_out", &model.image_anchors(&tensor(case, "image")?, false)?)?;
    let decoder = model.decoder().context("the model has no decoder")?;
    let (latent, label) = (optional(case, "latent")?, optional(case, "label_onehot")?);
    let (x, t) = (tensor(case, "xt")?, tensor(case, "t")?);
    compare("velocity_out", &decoder.net.forward(&x, &t, latent.as_ref(), label.as_ref(), false)?)?;
    match model.labels() {
        Some(labels) => compare("label_anchor", labels.net.anchors()),
        None => Ok(()),
    }
}
