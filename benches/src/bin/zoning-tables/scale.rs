//! What the scale of the anchors does to a solver: nothing to one whose grid follows them.

use anyhow::Result;
use lzn_benches::accuracy::{Errors, Judge};
use lzn_benches::families::Family;
use lzn_benches::problem::Setting;

use crate::study::{DIM, PRECISION, Scope, Study, compared};
use crate::table::Table;

const SCALES: [f64; 4] = [0.3, 1.0, 3.0, 10.0];

pub(crate) fn study(scope: Scope) -> Result<Study> {
    let (anchors, samples) = if scope.quick { (64, 64) } else { (512, 128) };
    let contenders = compared(&[])?;
    let mut lines: Vec<Vec<Errors>> = vec![Vec::new(); contenders.len()];
    for scale in SCALES {
        let setting = Setting { scale, ..Setting::batch(Family::Normal, anchors, DIM) };
        let judge = Judge::new(setting.problem().with_samples(samples));
        for (line, contender) in lines.iter_mut().zip(&contenders) {
            line.push(judge.errors(&contender.solve(judge.problem(), PRECISION)?));
        }
    }
    let mut text = format!(
        "\n## Error against the scale of the anchors\n\nrandn times a factor, N = {anchors}, {samples} samples, d = {DIM}, float32. Rms error \
         of latents / zone hit rate / cosine of the gradient.\n"
    );
    let mut table = Table::new("solver", SCALES);
    for (line, contender) in lines.iter().zip(&contenders) {
        table.row(&contender.to_string(), line.iter().map(cell));
    }
    text += &table.text();
    Ok(Study { text, pictures: Vec::new() })
}

fn cell(errors: &Errors) -> String {
    format!("{:.1e} / {:.3} / {:.4}", errors.latents_rms, errors.zone_hit_rate, errors.gradient_cosine)
}

#[cfg(test)]
mod tests {
    use lzn_benches::contenders::Contender;

    use super::*;

    fn columns(contender: &Contender) -> [f64; 2] {
        [1.0, 10.0].map(|scale| {
            let setting = Setting { scale, ..Setting::batch(Family::Normal, 32, 8) };
            let judge = Judge::new(setting.problem());
            judge.errors(&contender.solve(judge.problem(), PRECISION).unwrap()).latents_rms
        })
    }

    #[test]
    fn only_a_grid_fixed_in_t_notices_the_scale() {
        let [one, ten] = columns(&"multistep-6".parse().unwrap());
        assert!((one / ten - 1.0).abs() < 0.01, "{one:e} {ten:e}");
        let [one, ten] = columns(&"euler-20".parse().unwrap());
        assert!(ten > 2.0 * one, "{one:e} {ten:e}");
    }
}
