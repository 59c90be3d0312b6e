//! Counts against the definition, pair by pair.

use ndarray::{Array2, Axis, array, concatenate, s};
use proptest::prelude::*;

use super::*;
use crate::distribution::samples::normal;

const BOTH: [NeighbourRule; 2] = [NeighbourRule::KYNKAANNIEMI, NeighbourRule::PRDC];

fn squares(x: &Array2<f32>, y: &Array2<f32>) -> Array2<f64> {
    let (x, y) = (x.mapv(f64::from), y.mapv(f64::from));
    Array2::from_shape_fn((x.nrows(), y.nrows()), |(i, j)| (&x.row(i) - &y.row(j)).mapv(|e| e * e).sum())
}

/// Squared radii by sorting all distances of a row; the first is that to itself.
fn radii(set: &Array2<f32>, k: usize) -> Vec<f64> {
    let of_row = |row: ndarray::ArrayView1<'_, f64>| {
        let mut row = row.to_vec();
        row.sort_by(f64::total_cmp);
        row[k]
    };
    squares(set, set).rows().into_iter().map(of_row).collect()
}

fn by_definition(real: &Array2<f32>, generated: &Array2<f32>, rule: NeighbourRule) -> NeighbourCounts {
    let (of_real, of_generated, pairs) = (radii(real, rule.k), radii(generated, rule.k), squares(real, generated));
    let within = |i: usize, j: usize, radius: f64| match rule.boundary {
        Boundary::Inside => pairs[[i, j]] <= radius,
        Boundary::Outside => pairs[[i, j]] < radius,
    };
    let (n, m) = pairs.dim();
    let count = |range: usize, test: &dyn Fn(usize) -> bool| (0..range).filter(|&i| test(i)).count() as u64;
    NeighbourCounts {
        precise: count(m, &|j| (0..n).any(|i| within(i, j, of_real[i]))),
        recalled: count(n, &|i| (0..m).any(|j| within(i, j, of_generated[j]))),
        pairs: count(n * m, &|pair| within(pair / m, pair % m, of_real[pair / m])),
        covered: count(n, &|i| (0..m).any(|j| within(i, j, of_real[i]))),
    }
}

fn assert_definition(real: &Array2<f32>, generated: &Array2<f32>) {
    let found = neighbour_metrics(real.view(), generated.view(), &BOTH).unwrap();
    for (found, rule) in found.iter().zip(BOTH) {
        assert_eq!(found.counts, by_definition(real, generated, rule), "{rule:?}");
        assert_eq!((found.rule, found.n_real, found.n_generated), (rule, real.nrows(), generated.nrows()));
        assert_eq!(found.precision, found.counts.precise as f64 / generated.nrows() as f64);
        assert_eq!(found.recall, found.counts.recalled as f64 / real.nrows() as f64);
        assert_eq!(found.density, found.counts.pairs as f64 / (rule.k * generated.nrows()) as f64);
        assert_eq!(found.coverage, found.counts.covered as f64 / real.nrows() as f64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_count_is_that_of_the_definition(seed in 0u64..1000, n in 6usize..50, m in 6usize..50, d in 1usize..20, apart in 0.0f32..3.0) {
        assert_definition(&normal(seed, n, d), &(normal(seed + 1, m, d) * 1.2 + apart));
    }

    #[test]
    fn ties_and_duplicates_are_decided_exactly(seed in 0u64..1000, n in 6usize..50, m in 6usize..50, offset in 0u16..1000) {
        // Whole numbers far from the origin: most distances occur many times, and single precision is at its worst.
        let grid = |seed, rows| normal(seed, rows, 3).mapv(|x| x.round() + f32::from(offset));
        assert_definition(&grid(seed, n), &grid(seed + 1, m));
    }
}

#[test]
fn sets_of_several_tiles_and_of_any_layout_are_counted_alike() {
    let (n, m) = (2 * tiles::TILE + 7, tiles::TILE + 3);
    let (real, generated) = (normal(1, n, 6), normal(2, m, 6) * 0.8 + 0.3);
    assert_definition(&real, &generated);
    let columns = real.t().as_standard_layout().to_owned();
    let found = neighbour_metrics(columns.t(), generated.view(), &BOTH).unwrap();
    assert_eq!(found, neighbour_metrics(real.view(), generated.view(), &BOTH).unwrap());
    // The order of the rows decides what shares a tile.
    let turned = neighbour_metrics(real.slice(s![..;-1, ..]), generated.slice(s![..;-1, ..]), &BOTH).unwrap();
    assert_eq!(found, turned);
    for k in [1, 5] {
        let found = neighbour_radii(real.view(), k).unwrap();
        for (found, expected) in found.iter().zip(radii(&real, k)) {
            assert!((found - expected.sqrt()).abs() < 1e-14 * found);
        }
    }
}

#[test]
fn precision_is_about_what_is_generated_and_recall_about_what_is_real() {
    // One of two modes is generated: all of it is real, half of what is real is missing.
    let near = normal(1, 40, 3);
    let real = concatenate![Axis(0), near, normal(2, 40, 3) + 100.0];
    let generated = normal(3, 30, 3) * 0.1;
    for found in neighbour_metrics(real.view(), generated.view(), &BOTH).unwrap() {
        assert_eq!(found.precision, 1.0);
        assert!(found.recall < 0.5 && found.coverage <= 0.5);
    }
    for found in neighbour_metrics(generated.view(), real.view(), &BOTH).unwrap() {
        assert!(found.precision < 0.5 && found.recall == 1.0);
    }
}

#[test]
fn a_set_against_itself_is_perfect() {
    let set = normal(1, 60, 4);
    for found in neighbour_metrics(set.view(), set.view(), &BOTH).unwrap() {
        assert_eq!((found.precision, found.recall, found.coverage), (1.0, 1.0, 1.0));
    }
    // Without extent there is nothing strictly inside.
    let point = Array2::<f32>::ones((9, 2));
    let found = neighbour_metrics(point.view(), point.view(), &BOTH).unwrap();
    assert_eq!(found.map_precision(), [1.0, 0.0]);
}

trait MapPrecision {
    fn map_precision(&self) -> Vec<f64>;
}

impl MapPrecision for Vec<NeighbourMetrics> {
    fn map_precision(&self) -> Vec<f64> {
        self.iter().map(|found| found.precision).collect()
    }
}

#[test]
fn sets_without_enough_neighbours_are_refused() {
    let (set, small) = (normal(1, 9, 2), normal(2, 5, 2));
    let refused = |real: &Array2<f32>, generated: &Array2<f32>, rules: &[NeighbourRule]| {
        neighbour_metrics(real.view(), generated.view(), rules).unwrap_err().to_string()
    };
    assert!(refused(&set, &small, &BOTH).contains("5 generated rows, but at least 6"));
    assert!(refused(&small, &set, &BOTH).contains("5 real rows"));
    assert!(refused(&set, &set, &[]).contains("0 neighbours"));
    assert!(refused(&set, &set, &[NeighbourRule { k: 0, ..NeighbourRule::PRDC }]).contains("0 neighbours"));
    assert!(refused(&set, &normal(1, 9, 3), &BOTH).contains("features of 3 numbers where 2"));
    assert!(refused(&set, &array![[0.0, f32::NAN]].broadcast((9, 2)).unwrap().to_owned(), &BOTH).contains("row 0"));
    assert!(neighbour_radii(set.view(), 9).is_err() && neighbour_radii(set.view(), 0).is_err());
}
