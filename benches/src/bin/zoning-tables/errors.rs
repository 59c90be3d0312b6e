//! Errors of latents and gradients against the number of evaluations, family by family.

use anyhow::Result;
use lzn_benches::accuracy::{Errors, Judge};
use lzn_benches::contenders::Contender;
use lzn_benches::families::Family;
use lzn_benches::problem::Setting;
use lzn_benches::solvers::NamedSolver;
use lzn_eval::plot::{Curves, Panel};

use crate::study::{DIM, PRECISION, Scope, Study};
use crate::table::Table;

/// Panels in one picture.
const ABREAST: usize = 4;

/// Anchors, and how many of the samples are judged.
const SIZE: (usize, usize) = (512, 128);
const QUICK: (usize, usize) = (96, 96);

/// One solver on all families.
struct Line {
    kind: &'static str,
    name: String,
    /// Of the whole grid, skipped or not.
    evaluations: f64,
    errors: Vec<Errors>,
}

/// What a table shows: title, how a cell is written.
type Column = (&'static str, fn(&Errors) -> String);

const COLUMNS: [Column; 4] = [
    ("Rms error of latents", |errors| format!("{:.1e}", errors.latents_rms)),
    ("Zone hit rate", |errors| format!("{:.3}", errors.zone_hit_rate)),
    ("Cosine of the gradient to the converged one", |errors| format!("{:.4}", errors.gradient_cosine)),
    ("Relative error of the gradient", |errors| format!("{:.1e}", errors.gradient_relative)),
];

pub(crate) fn study(scope: Scope) -> Result<Study> {
    let (anchors, samples) = if scope.quick { QUICK } else { SIZE };
    let mut lines = solvers()?;
    for family in Family::STUDIED {
        let judge = Judge::new(Setting::batch(family, anchors, DIM).problem().with_samples(samples));
        for line in &mut lines {
            let contender: Contender = line.name.parse()?;
            line.errors.push(judge.errors(&contender.solve(judge.problem(), PRECISION)?));
        }
    }
    let mut text = format!("\n## Error against evaluations\n\nN = {anchors}, {samples} samples, d = {DIM}, float32.\n");
    for (title, write) in COLUMNS {
        text += &format!("\n{title}:\n");
        let mut table = Table::new("solver", Family::STUDIED);
        lines.iter().for_each(|line| table.row(&line.name, line.errors.iter().map(write)));
        text += &table.text();
    }
    let pictures = Family::STUDIED.chunks(ABREAST).enumerate().map(|(part, families)| picture(part, families, &lines));
    let pictures = pictures.collect::<Result<Vec<_>>>()?;
    for (name, _) in &pictures {
        text += &format!("\n![Error against evaluations](images/{name})\n");
    }
    Ok(Study { text, pictures })
}

fn solvers() -> Result<Vec<Line>> {
    let names = NamedSolver::STUDIED.iter().flat_map(|(kind, steps)| steps.iter().map(move |steps| (*kind, *steps)));
    names
        .map(|(kind, steps)| {
            let name = format!("{kind}-{steps}");
            name.parse::<NamedSolver>()?;
            Ok(Line { kind, name, evaluations: steps as f64, errors: Vec::new() })
        })
        .collect()
}

/// The families of one picture, `part` of all, a panel each.
fn picture(part: usize, families: &[Family], lines: &[Line]) -> Result<(String, lzn_eval::Picture)> {
    let mut curves = Curves::new("evaluations");
    for (place, family) in families.iter().enumerate() {
        let mut panel = Panel::new(family.to_string(), "log10 of the rms error of latents");
        for (kind, _) in NamedSolver::STUDIED {
            let of_kind = lines.iter().filter(|line| line.kind == *kind);
            let point = |line: &Line| (line.evaluations, line.errors[part * ABREAST + place].latents_rms.log10());
            panel = panel.line(*kind, of_kind.map(point).collect::<Vec<_>>());
        }
        curves = curves.panel(panel);
    }
    Ok((format!("zoning-errors-{}.png", part + 1), curves.draw()?.picture()?))
}
