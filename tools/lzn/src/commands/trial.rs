//! `lzn train --dry-run --step`: whether a configuration fits this machine.

use std::time::Instant;

use anyhow::Result;
use lzn_flow::RectifiedFlow;
use lzn_meter::resident;
use lzn_tasks::config::RunConfig;
use lzn_tasks::objective::{Draws, StepContext};
use lzn_tasks::train::StepEngine;
use lzn_tasks::{IMAGE, LABEL, Lzn};
use tch::{Kind, Tensor};

use crate::say::say;

/// Takes a step on images of noise and prints what it costs: first each network alone, then the whole step, optimizer included.
pub(crate) fn run(config: &RunConfig, model: Lzn) -> Result<()> {
    let batch = config.train.batch_size;
    let piece = config.train.micro_batch.unwrap_or(batch);
    let threads = tch::get_num_threads();
    say!("# {batch} images of noise, {piece} at a time, {threads} threads; memory is the most that the process had:")?;
    let context = noise(config, &model);
    let rows = |tensor: &Tensor| tensor.narrow(0, 0, piece as i64);
    let images = rows(context.field(IMAGE)?.samples().rows()?);
    if model.encoder().is_some() {
        measured("encoder, forward and backward", || {
            model.image_anchors(&images, true)?.square().sum(Kind::Float).f_backward()?;
            Ok(())
        })?;
    }
    if model.decoder().is_some() {
        measured("decoder, forward and backward", || {
            let latents = rows(&context.latent_noise(&model, IMAGE)?).set_requires_grad(true);
            let labels = context.field(LABEL).and_then(|labels| Ok(rows(labels.samples().rows()?))).ok();
            let field = model.velocity_field(Some(&latents), labels.as_ref(), true)?;
            let noise = context.draws.normal("flow-noise", &images.size());
            let time = context.draws.uniform("flow-time", piece as i64, RectifiedFlow::default().t_min, 1.0);
            RectifiedFlow::default().loss(&field, &images, &noise, &time)?.f_backward()?;
            Ok(())
        })?;
    }
    let mut engine = StepEngine::new(model, config)?;
    measured("whole step", || {
        engine.step(0, &context)?;
        Ok(())
    })
}

/// A batch of noise as the model takes it.
fn noise(config: &RunConfig, model: &Lzn) -> StepContext {
    let device = model.device();
    let (batch, size) = (config.train.batch_size as i64, config.data.image_size as i64);
    let shape = [batch, config.data.channels as i64, size, size];
    let draws = |step| Draws::of_step(config.seed, step, device);
    let images = |step| draws(step).normal("trial", &shape).clamp(-1.0, 1.0);
    let labels = Tensor::arange(batch, (Kind::Int64, device)).remainder(model.classes().max(1) as i64);
    let second_view = config.needs_second_view().then(|| images(1));
    StepContext::new(images(0), labels, draws(2)).with_second_view(second_view)
}

/// Prints how long `work` took, and how much memory.
fn measured(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let _ = resident::start();
    let start = Instant::now();
    work()?;
    let seconds = start.elapsed().as_secs_f64();
    let most = resident::most().map_or("unknown".to_owned(), |bytes| format!("{:.2} GB", bytes as f64 / 1e9));
    say!("#   {name:<30} {seconds:>8.2} s {most:>10}")
}
