//! What single precision adds where anchors are nearly equal.

use anyhow::Result;
use lzn_benches::accuracy::Rounding;
use lzn_benches::contenders::{Contender, Precision};
use lzn_benches::families::Family;
use lzn_benches::problem::Setting;
use lzn_benches::rivals::Form;
use lzn_eval::plot::{Curves, Panel};

use crate::study::{DIM, Scope, Study, compared};
use crate::table::Table;

/// Distances between an anchor and its near-duplicate.
const DISTANCES: [f64; 6] = [0.3, 0.1, 0.03, 0.01, 0.003, 0.001];

/// What is drawn: title, vertical axis, value.
type Part = (&'static str, &'static str, fn(&Rounding) -> f64);

const PARTS: [Part; 2] = [
    ("latents", "log10 of the relative difference", |rounding| rounding.latents),
    ("gradient of the anchors", "log10 of the relative difference", |rounding| rounding.gradient),
];

pub(crate) fn study(scope: Scope) -> Result<Study> {
    let anchors = if scope.quick { 64 } else { 256 };
    let contenders = compared(&[Form::Gemm])?;
    let lines = contenders
        .iter()
        .map(|contender| Ok((contender.to_string(), at_all_distances(contender, anchors)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut text = format!(
        "\n## Single against double precision\n\nN = B = {anchors}, d = {DIM}; half of the anchors are copies of the others at this \
         distance. Latents / gradient, relative.\n"
    );
    let mut table = Table::new("contender", DISTANCES);
    for (name, values) in &lines {
        table.row(name, values.iter().map(|rounding| format!("{:.0e} / {:.0e}", rounding.latents, rounding.gradient)));
    }
    text += &table.text();
    text += "\n![Single against double precision](images/zoning-rounding.png)\n";
    let mut curves = Curves::new("log10 of the distance");
    for (title, unit, value) in PARTS {
        let mut panel = Panel::new(title, unit);
        for (name, values) in &lines {
            let points =
                DISTANCES.iter().zip(values).map(|(distance, rounding)| (distance.log10(), value(rounding).log10()));
            panel = panel.line(name.as_str(), points.rev().collect::<Vec<_>>());
        }
        curves = curves.panel(panel);
    }
    Ok(Study { text, pictures: vec![("zoning-rounding.png".to_owned(), curves.draw()?.picture()?)] })
}

fn at_all_distances(contender: &Contender, anchors: usize) -> Result<Vec<Rounding>> {
    DISTANCES
        .iter()
        .map(|distance| {
            let problem = Setting::batch(Family::Duplicates { distance: *distance }, anchors, DIM).problem();
            let [single, double] =
                [Precision::F32, Precision::F64].map(|precision| contender.solve(&problem, precision));
            Ok(Rounding::of(&single?, &double?))
        })
        .collect()
}
