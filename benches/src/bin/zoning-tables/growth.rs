//! Time and memory against the number of anchors.

use anyhow::Result;
use lzn_benches::families::Family;
use lzn_benches::measure::Plan;
use lzn_benches::problem::Setting;
use lzn_benches::report::{Report, Request, measure};
use lzn_benches::rivals::Form;
use lzn_eval::plot::{Curves, Panel};

use crate::study::{DIM, PRECISION, Scope, Study, compared};
use crate::table::{Table, cell};

/// The largest batches of the rivals.
const GEMM: usize = 4096;
const NAIVE: usize = 256;

/// A quantity of a report.
type Quantity = fn(&Report) -> Option<f64>;

const SECONDS: Quantity = Report::total_seconds;
const MEGABYTES: Quantity = |report| report.peak_bytes().map(|bytes| bytes as f64 / 1e6);

pub(crate) fn study(scope: Scope) -> Result<Study> {
    let sizes: &[usize] = if scope.quick { &[64, 128, 256] } else { &[256, 512, 1024, 2048, 4096] };
    let all = sizes.iter().map(|anchors| Ok((*anchors, reports(scope, *anchors)?))).collect::<Result<Vec<_>>>()?;
    let names: Vec<String> = compared(&Form::ALL)?.iter().map(ToString::to_string).collect();
    let mut text = format!("\n## Time and memory against the number of anchors\n\nB = N, d = {DIM}, float32, randn.\n");
    text += "\nSeconds, forward and backward:\n";
    text += &table(&names, &all, |report| cell(SECONDS(report), |seconds| format!("{seconds:.3}")));
    text += "\nMegabytes beyond the inputs at the peak:\n";
    text += &table(&names, &all, |report| cell(MEGABYTES(report), |megabytes| format!("{megabytes:.1}")));
    text += "\nShare of the machine's own matrix multiplication:\n";
    text += &table(&names, &all, |report| cell(report.work, |work| format!("{:.0} %", 100.0 * work.fraction)));
    text += "\n![Time and memory against the number of anchors](images/zoning-growth.png)\n";
    let mut curves = Curves::new("log2 of the number of anchors");
    for (title, unit, quantity) in
        [("time", "log10 of seconds", SECONDS), ("peak memory", "log10 of megabytes", MEGABYTES)]
    {
        curves = curves.panel(panel(title, unit, &names, &all, quantity));
    }
    Ok(Study { text, pictures: vec![("zoning-growth.png".to_owned(), curves.draw()?.picture()?)] })
}

fn reports(scope: Scope, anchors: usize) -> Result<Vec<Report>> {
    let rivals: Vec<Form> = Form::ALL
        .into_iter()
        .filter(|form| match form {
            Form::Gemm => anchors <= GEMM,
            Form::Naive => anchors <= NAIVE,
        })
        .collect();
    measure(&Request {
        setting: Setting::batch(Family::Normal, anchors, DIM),
        contenders: compared(&rivals)?,
        precision: PRECISION,
        threads: scope.threads,
        plan: Some(Plan { repeats: if scope.quick { 2 } else { 7 }, seconds: 4.0 }),
        checked: 0,
        memory: true,
    })
}

type Sizes = [(usize, Vec<Report>)];

fn find<'a>(reports: &'a [Report], name: &str) -> Option<&'a Report> {
    reports.iter().find(|report| report.contender.to_string() == name)
}

fn table(names: &[String], all: &Sizes, write: impl Fn(&Report) -> String) -> String {
    let mut table = Table::new("contender", all.iter().map(|(anchors, _)| format!("N = {anchors}")));
    for name in names {
        table.row(name, all.iter().map(|(_, reports)| cell(find(reports, name), &write)));
    }
    table.text()
}

fn panel(title: &str, unit: &str, names: &[String], all: &Sizes, quantity: Quantity) -> Panel {
    names.iter().fold(Panel::new(title, unit), |panel, name| {
        let point = |(anchors, reports): &(usize, Vec<Report>)| {
            let value = find(reports, name).and_then(quantity)?;
            Some(((*anchors as f64).log2(), value.log10()))
        };
        panel.line(name.as_str(), all.iter().filter_map(point).collect::<Vec<_>>())
    })
}
