//! The configuration that a case describes, partly in words.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use lzn_tasks::config::{
    AugmentConfig, DataConfig, DataSource, EncoderConfig, EvaluateConfig, FlowConfig, LabelConfig, ModelConfig,
    ObjectiveConfig, ObjectiveKind, PartConfig, RunConfig, SolverKind, TextSource, TrainConfig, WarmUp,
};
use lzn_torch::nn::ImageShape;

use crate::Case;
use crate::families::networks::options;
use crate::families::text::number_after;
use crate::families::zoning;

/// The run configuration of a case.
pub(super) fn config(case: &Case) -> Result<RunConfig> {
    let options = options::read(case)?;
    let label: String = case.get("label").context("`label`")?;
    let model = ModelConfig {
        latent_dim: case.get("latent_dim")?,
        label_conditional: true,
        normalise_anchors: false,
        image_flow: flow(&case.get::<String>("latent")?)?,
        label_flow: flow(&label)?,
        decoder: Some(options.decoder),
        encoder: Some(EncoderConfig::Ncsnpp(options.encoder)),
        labels: Some(LabelConfig::default()),
        text: None,
        text_flow: None,
    };
    let align = ObjectiveConfig {
        from: Some("image".to_owned()),
        to: Some("label".to_owned()),
        cut_off: zoning::cut_off(case)?,
        class_weights: label.contains("class weights"),
        ..ObjectiveConfig::new(ObjectiveKind::Align)
    };
    Ok(RunConfig {
        seed: 0,
        data: data(options.image),
        model,
        objectives: vec![ObjectiveConfig::new(ObjectiveKind::RectifiedFlow), align],
        train: train(case)?,
        evaluate: EvaluateConfig::default(),
        custom: None,
    })
}

/// Images of this shape, from a folder that is not there: cases bring their own.
pub(in crate::families) fn data(image: ImageShape) -> DataConfig {
    DataConfig {
        source: DataSource::ImageFolder,
        path: Some(PathBuf::from("absent")),
        image_size: image.size,
        resize: None,
        channels: image.channels,
        background: None,
        texts: TextSource::Own,
        table: None,
        skip_bad: false,
        augment: AugmentConfig::default(),
    }
}

/// For instance `DPM-Solver, 20 steps` or `Euler, 100 steps`.
fn flow(text: &str) -> Result<FlowConfig> {
    let (name, rest) = text.split_once(',').with_context(|| format!("`{text}` names no solver"))?;
    let solver = match name.trim().to_lowercase() {
        name if name.starts_with("dpm") => SolverKind::DpmSolver,
        name if name.starts_with("euler") => SolverKind::Euler,
        name => bail!("unknown solver `{name}`"),
    };
    let steps = rest.trim().split(' ').next().unwrap_or_default();
    let steps = steps.parse().with_context(|| format!("`{text}` has no number of steps"))?;
    Ok(FlowConfig { solver, steps, order: 3 })
}

/// For instance `Adam beta 0.9 0.999 eps 1e-8; lr groups encoder 5e-4 decoder 2e-3 label_anchor 1e-3; LinearLR 0.1 -> 1 over 10;
/// gradient clipping 1.0 over all groups`.
fn train(case: &Case) -> Result<TrainConfig> {
    let text: String = case.get("optimizer")?;
    ensure!(text.contains("Adam beta 0.9 0.999 eps 1e-8"), "another optimizer: `{text}`");
    let ema_decay = case.get::<serde_json::Value>("config")?["ema_rate"].as_f64().context("`config.ema_rate`")?;
    let part = |name: &str| -> Result<PartConfig> {
        Ok(PartConfig { learning_rate: number_after(&text, &format!("{name} "))?, ema_decay, freeze_at: None })
    };
    let warm_up = match text.contains("LinearLR") {
        true => WarmUp {
            start_factor: number_after(&text, "LinearLR ")?,
            iterations: number_after(&text, " over ")? as u64,
        },
        false => WarmUp { start_factor: 1.0, iterations: 0 },
    };
    Ok(TrainConfig {
        clip_norm: number_after(&text, "gradient clipping ")?,
        warm_up,
        encoder: part("encoder")?,
        decoder: part("decoder")?,
        labels: part("label_anchor")?,
        ..TrainConfig::default()
    })
}
