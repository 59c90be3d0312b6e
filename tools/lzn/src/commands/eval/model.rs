//! `lzn eval RUN_OR_WEIGHTS`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lzn_tasks::Weights;
use lzn_tasks::config::{MetricGroup, MetricsConfig, Parameters};
use lzn_tasks::evaluate::{self, EvaluateOptions, Evaluation, Group, Parts, ReportOf};

use super::{network, table};
use crate::cli::{EvalModelArgs, ModelArgs};
use crate::say::{note, say};
use crate::stages::Stages;
use crate::{images, model};

/// Images that go through the decoder together.
const BATCH_SIZE: usize = 100;

/// Measures a model as its configuration and the arguments say.
pub(super) fn run(args: &EvalModelArgs) -> Result<()> {
    args.confusion.iter().try_for_each(|path| images::check_place(path))?;
    let load = |raw| model::load(&ModelArgs { model: args.model.clone(), raw, compute: args.compute.clone() });
    let mut weights = load(args.raw)?;
    let folder = folder(args)?;
    let mut options = options(args, &weights, folder.as_deref())?;
    let raw_alone = options.metrics.parameters == Parameters::Raw;
    if raw_alone && !args.raw {
        weights = load(true)?;
    }
    let mut found = evaluate::evaluate(&weights, &options, &Stages::default())?;
    if raw_alone {
        found.groups = titled_raw(found.groups);
    }
    if options.metrics.parameters == Parameters::Both {
        options.parts = Parts::new(folder.as_ref().map(|folder| folder.join("parts-raw")));
        let raw = evaluate::evaluate(&load(true)?, &options, &Stages::default())?;
        found.groups.extend(titled_raw(raw.groups));
    }
    found.bad_images.iter().for_each(|message| note(format_args!("warning: left out, {message}")));
    if found.groups.is_empty() {
        bail!("nothing of what was asked for ({}) can be measured of this model", names(&options.metrics));
    }
    if let Some(identity) = found.groups.iter().find_map(|group| group.network.as_ref()) {
        network::warn_of_weights(&options.metrics, identity);
    }
    table::warn(&found.groups);
    print(args, &weights, &found)?;
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        images::write(&folder.join("results.json"), &serde_json::to_vec_pretty(&found.groups)?)?;
    }
    if args.report {
        write_report(args, &weights, &options, &found, folder.as_deref())?;
    }
    if let (Some(path), Some(matrix)) = (&args.confusion, &found.confusion) {
        images::write(path, &lzn_eval::plot::confusion(matrix, Some(&weights.class_names))?.to_png()?)?;
        note(format_args!("{}", path.display()));
    }
    Ok(())
}

/// Says in the titles that raw weights were measured.
fn titled_raw(groups: Vec<Group>) -> Vec<Group> {
    groups.into_iter().map(|group| Group { title: format!("{}, raw weights", group.title), ..group }).collect()
}

/// The evaluation folder: that of the arguments, or the one in the run folder; none where nothing is to be left.
fn folder(args: &EvalModelArgs) -> Result<Option<PathBuf>> {
    let in_run = args.model.as_ref().filter(|path| path.is_dir()).map(|run| run.join("evaluation"));
    let folder = args.out.clone().or(in_run);
    if args.report && folder.is_none() {
        bail!("--report needs a place: give --out FOLDER, or a run folder instead of a weights file");
    }
    Ok(folder)
}

/// What the configuration asks for, with the arguments in its place.
fn options(args: &EvalModelArgs, weights: &Weights, folder: Option<&Path>) -> Result<EvaluateOptions> {
    let config = &weights.config;
    let mut metrics = config.evaluate.metrics.clone();
    if let Some(groups) = &args.metrics {
        metrics.groups = groups_of(groups)?;
    }
    if let Some(samplers) = &args.samplers {
        metrics.samplers = samplers.split(',').map(|name| name.trim().to_owned()).collect();
        metrics.named_samplers().context("--samplers")?;
    }
    metrics.generated = args.generated.unwrap_or(metrics.generated);
    metrics.reconstructions = args.reconstructions.unwrap_or(metrics.reconstructions);
    metrics.draws = args.draws.unwrap_or(metrics.draws);
    network::configure(&args.features, &mut metrics)?;
    if args.raw || args.both {
        metrics.parameters = if args.raw { Parameters::Raw } else { Parameters::Both };
    }
    if args.model.as_ref().is_none_or(|path| !path.is_dir()) {
        if args.both {
            bail!("--both needs a run folder, whose checkpoints hold the raw weights");
        }
        // What a file holds is all there is.
        metrics.parameters = Parameters::Ema;
    }
    Ok(EvaluateOptions {
        metrics,
        images: args.images.unwrap_or(usize::MAX),
        noise_scale: args.noise_scale.unwrap_or(config.evaluate.noise_scale),
        zoned: args.zoned.unwrap_or(config.evaluate.batch_size),
        seed: args.seed.unwrap_or(config.seed),
        batch_size: BATCH_SIZE,
        cache: args.features.cache.clone().unwrap_or_else(evaluate::cache_folder),
        parts: Parts::new(folder.map(|folder| folder.join("parts"))),
    })
}

fn groups_of(text: &str) -> Result<Vec<MetricGroup>> {
    if text.trim() == "all" {
        return Ok(MetricGroup::ALL.to_vec());
    }
    let group = |name: &str| {
        let found = MetricGroup::ALL.into_iter().find(|group| group.name() == name.trim());
        let known = MetricGroup::ALL.map(MetricGroup::name).join(", ");
        found.with_context(|| format!("--metrics: there is no group `{}`; the groups are {known}, or all", name.trim()))
    };
    text.split(',').map(group).collect()
}

fn names(metrics: &MetricsConfig) -> String {
    metrics.groups.iter().map(|group| group.name()).collect::<Vec<_>>().join(", ")
}

fn print(args: &EvalModelArgs, weights: &Weights, found: &Evaluation) -> Result<()> {
    if args.json {
        let per_class = found.confusion.as_ref().map(|matrix| matrix.per_class());
        let object =
            serde_json::json!({ "groups": found.groups, "per_class": per_class, "accuracy_sweep": found.sweep });
        return say!("{object}");
    }
    table::print(&found.groups)?;
    if let Some(matrix) = &found.confusion {
        say!("Accuracy of each class")?;
        for (name, accuracy) in weights.class_names.iter().zip(matrix.per_class()) {
            if let Some(accuracy) = accuracy {
                say!("  {name:<14} {:.1} %", 100.0 * accuracy)?;
            }
        }
    }
    Ok(())
}

fn write_report(
    args: &EvalModelArgs,
    weights: &Weights,
    options: &EvaluateOptions,
    found: &Evaluation,
    folder: Option<&Path>,
) -> Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    let run = args.model.as_deref().filter(|path| path.is_dir());
    let name =
        args.model.as_ref().map_or("the model that ships with lzn".to_owned(), |path| path.display().to_string());
    let report = evaluate::report(&ReportOf { name: &name, run, weights, options, found })?;
    report.save(folder)?;
    note(format_args!("{}", folder.join("report.html").display()));
    Ok(())
}
