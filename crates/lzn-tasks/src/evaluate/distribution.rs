//! How a set of images compares with another one by the features of a network.

use lzn_eval::distribution::{
    FrechetDistance, NeighbourRule, Splits, cmmd, frechet_distance, inception_score, kid, kid_seeded_subsets,
    neighbour_metrics,
};
use lzn_features::{Distance, Features, Identity, metric_name};
use lzn_random::{Purpose, Stream};
use lzn_resize::Protocol;
use ndarray::{Array2, ArrayView2, Axis};

use super::features::Reference;
use super::{Better, Measure};
use crate::TaskError;

/// Above so many rows the kernel distance is the mean over subsets, whose cost does not grow.
const ALL_PAIRS: usize = 10_000;

/// Subsets of the kernel distance and rows of each: what torch-fidelity, clean-fid and StyleGAN take.
const SUBSETS: (usize, usize) = (100, 1_000);

/// Splits of the Inception Score.
const SPLITS: usize = 10;

/// Rows of a split in the evaluator of guided diffusion.
const ADM_SPLIT: usize = 5_000;

/// The order in which rows are cut into splits: those of a folder come sorted, by class if that has a folder for each.
const ORDER: Purpose = Purpose::new("score-order");

/// What a comparison found.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Its numbers.
    pub measures: Vec<Measure>,
    /// What is left out or unreliable, and why.
    pub warnings: Vec<String>,
}

/// All distances between two sets, the shares of one that are like the other, and, with scores of classes, the Inception Score.
///
/// `sampling` says in words how the generated images were drawn; `seed` is that of random subsets and splits.
///
/// # Errors
/// [`TaskError::Eval`] for sets that cannot be compared.
pub fn compare(
    identity: &Identity,
    reference: &Reference,
    generated: &Features,
    sampling: &str,
    seed: u64,
) -> Result<Comparison, TaskError> {
    let mut sets = Sets { identity, reference, generated, sampling, seed, found: Comparison::default() };
    sets.frechet()?;
    sets.kernel()?;
    sets.neighbours()?;
    sets.score()?;
    Ok(sets.found)
}

/// Two sets, and what is known of them so far.
struct Sets<'a> {
    identity: &'a Identity,
    reference: &'a Reference,
    generated: &'a Features,
    sampling: &'a str,
    seed: u64,
    found: Comparison,
}

impl Sets<'_> {
    fn pooled(&self) -> [ArrayView2<'_, f32>; 2] {
        [self.reference.features.pooled.view(), self.generated.pooled.view()]
    }

    fn named(&self, distance: Distance) -> String {
        metric_name(distance, self.identity, self.generated.len())
    }

    fn measure(&self, name: impl Into<String>, value: f64, better: Better, detail: &str) -> Measure {
        let protocol = format!("{}; {detail}", protocol(self.identity, self.sampling));
        Measure::new(name, value, better, protocol).counts(self.reference.features.len(), self.generated.len())
    }

    fn frechet(&mut self) -> Result<(), TaskError> {
        let [real, generated] = self.pooled();
        let distance = match &self.reference.statistics {
            Some(statistics) => frechet_distance(statistics, generated)?,
            None => frechet_distance(real, generated)?,
        };
        self.add_frechet(Distance::Frechet, &distance, "float64");
        if let (Some(real), Some(generated)) = (&self.reference.features.spatial, &self.generated.spatial) {
            let distance = frechet_distance(real.view(), generated.view())?;
            self.add_frechet(Distance::SpatialFrechet, &distance, "an earlier layer");
        }
        Ok(())
    }

    fn add_frechet(&mut self, kind: Distance, found: &FrechetDistance, detail: &str) {
        let name = self.named(kind);
        self.found.measures.push(self.measure(name.clone(), found.shown(), Better::Lower, detail));
        let sides = [
            ("real", found.real_rank_deficient, found.n_real),
            ("generated", found.generated_rank_deficient, found.n_generated),
        ];
        for (side, _, count) in sides.into_iter().filter(|(_, deficient, _)| *deficient) {
            let (count, needed) = (count.unwrap_or_default(), found.dimension);
            self.found.warnings.push(if count > needed as u64 {
                format!("{name}: some of the {needed} features of the {side} images never change or follow from others")
            } else {
                let rule = format!("give more than {needed}; 50,000 are usual");
                format!("{name} is biased by much: {count} {side} images for {needed} features; {rule}")
            });
        }
    }

    fn kernel(&mut self) -> Result<(), TaskError> {
        let [real, generated] = self.pooled();
        let name = format!("{} x 1000", self.named(Distance::Kernel));
        let (most, least) = (real.nrows().max(generated.nrows()), real.nrows().min(generated.nrows()));
        let made = if most <= ALL_PAIRS {
            let found = kid(real, generated)?;
            self.measure(name, 1e3 * found.value, Better::Lower, "all pairs, unbiased")
        } else {
            let (count, size) = (SUBSETS.0, SUBSETS.1.min(least));
            let found = kid_seeded_subsets(real, generated, (count, size), self.seed)?;
            let how = format!("mean over {count} random subsets of {size}, seed {}", self.seed);
            let made = self.measure(name, 1e3 * found.mean, Better::Lower, &how);
            made.spread(format!("± {:.4} over subsets", 1e3 * found.deviation))
        };
        self.found.measures.push(made);
        if self.identity.protocol == Protocol::CMMD_336.name {
            let [real, generated] = self.pooled();
            let distance = cmmd(real, generated)?.value;
            let name = format!("CMMD-{}", self.identity.network);
            let made = self.measure(name, distance, Better::Lower, "sigma 10, x 1000, biased");
            self.found.measures.push(made);
        }
        Ok(())
    }

    fn neighbours(&mut self) -> Result<(), TaskError> {
        let [real, generated] = self.pooled();
        let (least, k) = (real.nrows().min(generated.nrows()), NeighbourRule::PRDC.k);
        if least <= k {
            let what = "precision, recall, density and coverage are left out";
            self.found
                .warnings
                .push(format!("{what}: they need more than {k} images on each side, and there are {least}"));
            return Ok(());
        }
        let found = neighbour_metrics(real, generated, &[NeighbourRule::KYNKAANNIEMI, NeighbourRule::PRDC])?;
        let [improved, prdc] = found.as_slice() else { return Ok(()) };
        let (k3, k5) = ("k = 3, <=", "k = 5, <");
        let made = [
            self.measure("precision", improved.precision, Better::Higher, k3).share(),
            self.measure("recall", improved.recall, Better::Higher, k3).share(),
            self.measure("density", prdc.density, Better::Higher, k5),
            self.measure("coverage", prdc.coverage, Better::Higher, k5).share(),
        ];
        self.found.measures.extend(made);
        Ok(())
    }

    /// The Inception Score, or what it is of another network's classes.
    fn score(&mut self) -> Result<(), TaskError> {
        let Some(logits) = &self.generated.logits else { return Ok(()) };
        let name = if self.identity.genuine_fid { "IS".to_owned() } else { format!("IS-{}", self.identity.network) };
        let count = logits.nrows();
        let adm = self.identity.protocol == Protocol::ADM.name;
        if !adm && count < SPLITS {
            let rule = format!("{name} is left out: its {SPLITS} splits need as many images, and there are {count}");
            self.found.warnings.push(rule);
            return Ok(());
        }
        let (found, how) = if adm {
            (inception_score(logits.view(), Splits::Size(ADM_SPLIT))?, format!("splits of {ADM_SPLIT} as they come"))
        } else {
            let mixed = in_random_order(logits, self.seed);
            let how = format!("{SPLITS} random splits, seed {}", self.seed);
            (inception_score(mixed.view(), Splits::Number(SPLITS))?, how)
        };
        let made = self.measure(name, found.mean, Better::Higher, &how);
        let made = made.spread(format!("± {:.4} over splits", found.deviation));
        self.found.measures.push(Measure { real: None, generated: Some(count), ..made });
        Ok(())
    }
}

fn in_random_order(rows: &Array2<f32>, seed: u64) -> Array2<f32> {
    let mut order: Vec<usize> = (0..rows.nrows()).collect();
    Stream::new(seed, ORDER, [0; 3]).shuffle(&mut order);
    rows.select(Axis(0), &order)
}

fn protocol(identity: &Identity, sampling: &str) -> String {
    let Identity { network, weights_sha256, protocol, dimension, .. } = identity;
    let digest = weights_sha256.get(..8).unwrap_or(weights_sha256);
    let sampling = if sampling.is_empty() { String::new() } else { format!("{sampling}; ") };
    format!("{sampling}{network} {digest}, {protocol}, {dimension} features")
}

#[cfg(test)]
mod tests {
    use lzn_eval::distribution::kid_blocks;

    use super::*;

    fn identity() -> Identity {
        Identity {
            network: "Net".to_owned(),
            weights_sha256: "0123456789".to_owned(),
            weights: None,
            protocol: "as-is".to_owned(),
            dimension: 3,
            genuine_fid: false,
        }
    }

    /// Rows in ten groups, one after the other, with scores that are sure of the group.
    fn sorted(rows: usize) -> Features {
        let group = |row: usize| 10 * row / rows;
        let noise = Stream::new(rows as u64, Purpose::new("test"), [0; 3]).normals(3 * rows);
        let pooled = Array2::from_shape_fn((rows, 3), |(row, j)| 0.1 * group(row) as f32 + 0.02 * noise[3 * row + j]);
        let logits = Array2::from_shape_fn((rows, 10), |(row, class)| if class == group(row) { 20.0 } else { 0.0 });
        Features { pooled, logits: Some(logits), spatial: None }
    }

    fn value(found: &Comparison, name: &str) -> f64 {
        found.measures.iter().find(|measure| measure.name.starts_with(name)).unwrap().value
    }

    #[test]
    fn images_that_come_sorted_by_class_are_judged_like_mixed_ones() {
        let (real, mut drawn) = (sorted(ALL_PAIRS + 1), sorted(2_000));
        drawn.pooled.invert_axis(Axis(0));
        let found = compare(&identity(), &real.clone().into(), &drawn, "", 1).unwrap();
        // Blocks in order would compare one group with others, and splits in order see one class each.
        let blocks = kid_blocks(real.pooled.view(), drawn.pooled.view(), 1_024).unwrap().mean;
        assert!(value(&found, "KD-Net").abs() < 5.0 && 1e3 * blocks > 50.0, "{blocks} {found:?}");
        assert!(value(&found, "IS-Net") > 9.5, "{found:?}");
        assert_eq!(found.warnings, Vec::<String>::new());
    }

    #[test]
    fn too_few_images_are_said_to_be_too_few() {
        let found = compare(&identity(), &sorted(ALL_PAIRS + 1).into(), &sorted(3), "", 0).unwrap();
        assert!(found.measures.iter().all(|measure| measure.value.is_finite()));
        let said = |text: &str| found.warnings.iter().any(|warning| warning.contains(text));
        assert!(said("FD-Net is biased by much: 3 generated images for 3 features"), "{:?}", found.warnings);
        assert!(said("precision, recall, density and coverage are left out") && said("IS-Net is left out"));
        assert_eq!(found.warnings.len(), 3);
    }

    #[test]
    fn the_evaluator_of_guided_diffusion_takes_images_as_they_come() {
        let adm = Identity { protocol: Protocol::ADM.name.to_string(), ..identity() };
        let mut drawn = sorted(20);
        drawn.logits = drawn.logits.map(|logits| logits.mapv(|x| 0.2 * x));
        let splits = inception_score(drawn.logits.as_ref().unwrap().view(), Splits::Size(ADM_SPLIT)).unwrap();
        let found = compare(&adm, &sorted(30).into(), &drawn, "", 0).unwrap();
        assert_eq!(value(&found, "IS-Net"), splits.mean);
    }
}
