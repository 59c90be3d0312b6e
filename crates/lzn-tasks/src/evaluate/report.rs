//! The page that an evaluation leaves: figures first, then every number with its protocol, configuration and environment.

use std::path::Path;

use lzn_eval::plot;
use lzn_eval::report::{Cell, Figure, Number, Report, Section, Table};

use super::figures;
use super::generate::{GenerateOptions, Generated, NamedSampler, draw};
use super::{Better, EvaluateOptions, Evaluation, Group, Measure};
use crate::TaskError;
use crate::config::Parameters;
use crate::model::Weights;
use crate::pictures::{by_label, training_curves};

/// Images in a row of samples.
const ROW: usize = 10;

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub struct ReportOf<'a> {
    /// Name of the model: its folder or file.
    pub name: &'a str,
    /// The run folder, whose records are drawn; none for a weights file.
    pub run: Option<&'a Path>,
    /// The model.
    pub weights: &'a Weights,
    /// What was asked for.
    pub options: &'a EvaluateOptions,
    /// What was found.
    pub found: &'a Evaluation,
}

/// Lays out the report.
///
/// # Errors
/// [`TaskError`] if a figure needs images that cannot be read or drawn.
pub fn report(of: &ReportOf<'_>) -> Result<Report, TaskError> {
    let sampler = of.options.metrics.named_samplers()?.first().copied().unwrap_or(NamedSampler::PUBLISHED[0]);
    let mut report = Report::new(of.name).subtitle(subtitle(of));
    for measure in of.found.groups.iter().filter_map(|group| group.measures.first()) {
        report = report.card(measure.name.clone(), shown(measure), counts(measure));
    }
    let sections = [images(of, sampler)?, latents(of)?, training(of)?];
    for (heading, prose, figures) in sections.into_iter().filter(|(_, _, figures)| !figures.is_empty()) {
        let section = Section::new(heading).prose(prose);
        report = report.section(figures.into_iter().fold(section, Section::figure));
    }
    let mut measurements = Section::new("Measurements").prose(
        "Numbers are comparable only under the same protocol and the same numbers of images. Metrics are named after the network \
         whose features they compare; only one with the published Inception weights is called FID.",
    );
    for group in &of.found.groups {
        measurements = measurements.table(table(group));
        let warning = |warning: &String| format!("{}: {warning}.", group.title);
        measurements = group.warnings.iter().map(warning).fold(measurements, Section::prose);
    }
    let config = Section::new("Configuration").text("config.toml", of.weights.config.to_toml());
    Ok(report.section(measurements).section(config).section(environment(of)))
}

type Part = (&'static str, &'static str, Vec<Figure>);

fn images(of: &ReportOf<'_>, sampler: NamedSampler) -> Result<Part, TaskError> {
    let model = &of.weights.model;
    let mut all = Vec::new();
    if model.decoder().is_some() {
        let drawn;
        let generated = match &of.found.generated {
            Some(generated) => generated,
            None => {
                drawn = few(of, sampler)?;
                &drawn
            }
        };
        all.push(figures::samples(of.weights, generated, sampler)?);
        if let Some(found) = &of.found.reconstructions {
            all.push(figures::reconstructions(found)?);
        }
        all.push(figures::interpolations(model, sampler, of.options.seed)?);
        if let Some(nearest) = &of.found.nearest {
            all.push(figures::neighbours(generated.images.view(), &nearest.images, &nearest.distances)?);
        }
    }
    Ok(("Images", "What the model draws, and what it makes of images that it is given.", all))
}

/// A row of images for each class, for a report whose evaluation drew none; as many from the prior where there are no labels.
fn few(of: &ReportOf<'_>, sampler: NamedSampler) -> Result<Generated, TaskError> {
    let model = &of.weights.model;
    let all = || (0..model.classes() as i64).flat_map(|class| std::iter::repeat_n(class, ROW)).collect::<Vec<i64>>();
    let labels = by_label(model).then(all);
    let count = labels.as_ref().map_or(ROW * ROW, Vec::len);
    let options = GenerateOptions { count, sampler, batch_size: of.options.batch_size, seed: of.options.seed };
    let images = draw(model, labels.as_deref(), 0..count, &options)?;
    Ok(Generated { images, labels })
}

fn latents(of: &ReportOf<'_>) -> Result<Part, TaskError> {
    let mut all = Vec::new();
    if let Some(encoded) = &of.found.encoded {
        all.extend(figures::latents(of.weights, encoded)?);
    }
    if let Some(matrix) = &of.found.confusion {
        let drawing = plot::confusion(matrix, Some(&of.weights.class_names))?;
        let caption = "Rows are the true classes, columns what the model says.";
        all.push(Figure::new("confusion", "Confusion of classes", drawing).caption(caption));
    }
    if let Some(found) = &of.found.calibration {
        let caption = "Whether the model is right as often as its confidence says.";
        all.push(Figure::new("reliability", "Reliability", plot::reliability(found)?).caption(caption));
    }
    if !of.found.sweep.is_empty() {
        all.push(figures::sweep(&of.weights.model, &of.found.sweep)?);
    }
    Ok(("Latents and classes", "Where test images lie in the latent space, and whose zones they lie in.", all))
}

fn training(of: &ReportOf<'_>) -> Result<Part, TaskError> {
    let drawing = of.run.map(training_curves).transpose()?.flatten();
    let figure = |drawing| {
        Figure::new("curves", "Losses and accuracy", drawing).caption("Faint: every record; strong: smoothed.")
    };
    Ok(("Training", "What the run recorded on its way.", drawing.map(figure).into_iter().collect()))
}

fn subtitle(of: &ReportOf<'_>) -> String {
    let parts = of.weights.model.parts();
    let sizes = parts.iter().map(|(part, params)| format!("{part} {}", params.trainable_values()));
    let sizes = sizes.collect::<Vec<_>>().join(", ");
    format!("latent dimension {}; parameters: {sizes}", of.weights.config.model.latent_dim)
}

/// A number as people read it: shares as percentages.
pub fn shown(measure: &Measure) -> String {
    if measure.share { format!("{:.2} %", 100.0 * measure.value) } else { format!("{:.4}", measure.value) }
}

/// How many images took part, in words.
pub fn counts(measure: &Measure) -> String {
    match (measure.real, measure.generated) {
        (Some(real), Some(generated)) => format!("{real} real, {generated} generated images"),
        (Some(real), None) => format!("{real} images"),
        (None, Some(generated)) => format!("{generated} generated images"),
        (None, None) => "number of images unknown".to_owned(),
    }
}

fn table(group: &Group) -> Table {
    let title = match group.network_line() {
        Some(line) => format!("{}. {line}.", group.title),
        None => group.title.clone(),
    };
    let start = Table::new(title).column("metric").numbers("value").column("spread").column("better");
    let start = start.numbers("real").numbers("generated").column("protocol");
    group.measures.iter().fold(start, |table, measure| {
        let count = |count: Option<usize>| Cell::text(count.map(|n| n.to_string()).unwrap_or_default());
        let value = match measure.share {
            true => Number::new(100.0 * measure.value).digits(2).unit("%"),
            false => Number::new(measure.value).digits(4),
        };
        let better = match measure.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
            Better::Neither => "",
        };
        table.row([
            Cell::text(measure.name.clone()),
            Cell::number(value),
            Cell::text(measure.spread.clone().unwrap_or_default()),
            Cell::text(better),
            count(measure.real),
            count(measure.generated),
            Cell::text(measure.protocol.clone()),
        ])
    })
}

fn environment(of: &ReportOf<'_>) -> Section {
    let threads = tch::get_num_threads().to_string();
    let pairs = [
        ("lzn", env!("CARGO_PKG_VERSION").to_owned()),
        ("device", format!("{:?}", of.weights.model.device())),
        ("threads", threads),
        ("system", format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("parameters", parameters(of).to_owned()),
        ("seed", of.options.seed.to_string()),
    ];
    Section::new("Environment").table(Table::of_pairs("Where and how it was measured", pairs))
}

fn parameters(of: &ReportOf<'_>) -> &'static str {
    match (of.run, of.options.metrics.parameters) {
        (None, _) => "those of the file",
        (_, Parameters::Ema) => "moving averages",
        (_, Parameters::Raw) => "raw, without averaging",
        (_, Parameters::Both) => "moving averages; the raw ones where a title says so",
    }
}
