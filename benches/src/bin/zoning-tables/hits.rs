//! Whether the zone hit rate depends on the draw: several seeds, with more anchors than elsewhere.

use anyhow::Result;
use lzn_benches::families::Family;
use lzn_benches::oracle;
use lzn_benches::problem::Setting;
use lzn_benches::solvers::NamedSolver;
use lzn_latent::Anchors;
use ndarray::Array2;

use crate::study::{DIM, Scope, Study};
use crate::table::Table;

/// None of them is the seed of the other studies.
const SEEDS: [u64; 3] = [1, 2, 3];

pub(crate) fn study(scope: Scope) -> Result<Study> {
    let (anchors, samples) = if scope.quick { (64, 64) } else { (1024, 512) };
    let mut text = format!(
        "\n## Zone hit rate over seeds\n\nN = {anchors}, {samples} samples, d = {DIM}, float32, seeds {SEEDS:?}: mean, and the least of them. Judged by \
         the converged flow in double precision.\n"
    );
    let mut table = Table::new("solver", Family::STUDIED);
    for name in ["euler-20", "dpm-20", NamedSolver::DEFAULT, "multistep-8", "multistep-12"] {
        let solver: NamedSolver = name.parse()?;
        let cells =
            Family::STUDIED.map(|family| cell(&solver, &Setting { samples, ..Setting::batch(family, anchors, DIM) }));
        table.row(name, cells.into_iter().collect::<Result<Vec<_>>>()?);
    }
    text += &table.text();
    Ok(Study { text, pictures: Vec::new() })
}

fn cell(solver: &NamedSolver, setting: &Setting) -> Result<String> {
    let rates = SEEDS.map(|seed| rate(solver, &Setting { seed, ..setting.clone() }));
    let rates = rates.into_iter().collect::<Result<Vec<f64>>>()?;
    let least = rates.iter().copied().fold(1.0, f64::min);
    Ok(format!("{:.4} ({least:.4})", rates.iter().sum::<f64>() / rates.len() as f64))
}

fn rate(solver: &NamedSolver, setting: &Setting) -> Result<f64> {
    let problem = setting.problem();
    let single = |array: &Array2<f64>| array.mapv(|x| x as f32);
    let anchors = Anchors::new(single(&problem.anchors))?;
    let latents = solver.flow()?.to_latents(&anchors, &problem.owners, single(&problem.noise).view())?;
    Ok(oracle::hits(&problem, &latents.mapv(f64::from)).rate())
}
