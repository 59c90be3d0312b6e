//! A comparison as a page of figures and tables.

use lzn_eval::plot::{Bars, Curves, Panel};
use lzn_eval::report::{self, Cell, Figure, Number, Report, Section, Table};

use super::table::spread;
use super::{Comparison, Row};
use crate::TaskError;
use crate::evaluate::Better;

/// What runs record on their way: name, title and unit.
const CURVES: [(&str, &str, &str); 8] = [
    ("test/accuracy", "Test accuracy", "share of images"),
    ("test/linear_probe", "Linear probe of the features", "share of images"),
    ("test/knn_probe", "Nearest neighbours of the features", "share of images"),
    ("train/rectified_flow", "Rectified Flow", "mean squared error"),
    ("train/align/image-label", "Alignment of images with labels", "loss"),
    ("train/zones/hit_rate", "Latents in their own zones", "share of a batch"),
    ("train/zones/spread", "Size of the anchors", "root mean square distance from their mean"),
    ("time/zoning_share", "Share of a step spent in zoning", "share of the time"),
];

/// Lays out the page.
///
/// # Errors
/// [`TaskError`] if records cannot be read or a figure cannot be drawn.
pub fn report(comparison: &Comparison) -> Result<Report, TaskError> {
    let names: Vec<String> =
        comparison.settings.iter().map(|s| format!("{} ({} runs)", s.name, s.runs.len())).collect();
    let mut numbers = Section::new("Numbers").prose(
        "Means over the runs of a setting, which differ in their seed alone, with the standard deviation of a sample.",
    );
    for (title, rows) in groups(&comparison.rows) {
        numbers = numbers.table(table(comparison, title, rows));
    }
    let mut bars = Section::new("Side by side")
        .prose("A dot is a run, a whisker one standard deviation to either side of the mean.");
    for row in comparison.rows.iter().filter(|row| row.measure.better != Better::Neither) {
        bars = bars.figure(figure(comparison, row)?);
    }
    let mut training = Section::new("Training").prose("Means over the runs of a setting.");
    let mut drawn = false;
    for (name, title, unit) in CURVES {
        let lines = comparison.curves(name)?;
        if !lines.is_empty() {
            let panel =
                lines.into_iter().fold(Panel::new(title, unit), |panel, (name, points)| panel.line(name, points));
            let drawing = Curves::new("training step").panel(panel).draw()?;
            training = training.figure(Figure::new(stem("curve", name), title, drawing));
            drawn = true;
        }
    }
    let report = Report::new("Comparison").subtitle(names.join(", ")).section(numbers).section(bars);
    Ok(if drawn { report.section(training) } else { report })
}

fn groups(rows: &[Row]) -> impl Iterator<Item = (&str, &[Row])> {
    rows.chunk_by(|a, b| a.group == b.group).filter_map(|rows| Some((rows.first()?.group.as_str(), rows)))
}

/// A line for each setting, a column for each number, the best marked.
fn table(comparison: &Comparison, title: &str, rows: &[Row]) -> Table {
    let start = Table::new(title).column("setting");
    let table = rows.iter().fold(start, |table, row| table.numbers(row.label()));
    let table = comparison.settings.iter().enumerate().fold(table, |table, (index, setting)| {
        let cells = rows.iter().map(|row| {
            let (digits, factor) = row.scale();
            spread(&row.values[index]).map_or_else(
                || Cell::text(""),
                |(mean, deviation)| {
                    let number = Number::new(factor * mean).digits(digits);
                    Cell::number(deviation.map_or(number, |deviation| number.spread(factor * deviation)))
                },
            )
        });
        table.row(std::iter::once(Cell::text(setting.name.clone())).chain(cells))
    });
    rows.iter().zip(1..).fold(table, |table, (row, column)| match row.measure.better {
        Better::Higher => table.mark_best(column, report::Better::Higher),
        Better::Lower => table.mark_best(column, report::Better::Lower),
        Better::Neither => table,
    })
}

fn figure(comparison: &Comparison, row: &Row) -> Result<Figure, TaskError> {
    let (_, factor) = row.scale();
    let better = if row.measure.better == Better::Higher { "higher is better" } else { "lower is better" };
    let mut bars = Bars::new(row.measure.name.clone(), if row.measure.share { "%" } else { "" });
    for (setting, values) in comparison.settings.iter().zip(&row.values).filter(|(_, values)| !values.is_empty()) {
        let values: Vec<f64> = values.iter().map(|value| factor * value).collect();
        bars = bars.bar(setting.name.clone(), &values);
    }
    let title = format!("{}: {}", row.group, row.measure.name);
    let caption = format!("{better}; {}", row.measure.protocol);
    Ok(Figure::new(stem(&row.group, &row.measure.name), title, bars.draw()?).caption(caption))
}

/// The name of a figure's file.
fn stem(group: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{group}-{name}").chars().map(plain).collect()
}
