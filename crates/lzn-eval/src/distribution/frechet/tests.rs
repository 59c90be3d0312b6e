//! The laws of the Frechet distance.

use ndarray::{Array1, Array2, array, s};
use proptest::prelude::*;

use super::*;
use crate::distribution::samples::normal;

fn rows(real: &Array2<f32>, generated: &Array2<f32>) -> f64 {
    frechet_distance(real.view(), generated.view()).unwrap().value
}

/// Features whose scales differ, with correlations.
fn features(seed: u64, count: usize, dimension: usize) -> Array2<f32> {
    let mix = normal(seed + 1, dimension, dimension);
    normal(seed, count, dimension).dot(&mix) + &normal(seed + 2, 1, dimension)
}

/// Rotates in the plane of each pair of neighbours.
fn rotate(features: &Array2<f32>, angle: f32) -> Array2<f32> {
    let mut turned = features.clone();
    for j in 1..features.ncols() {
        let (a, b) = (turned.column(j - 1).to_owned(), turned.column(j).to_owned());
        turned.column_mut(j - 1).assign(&(&a * angle.cos() - &b * angle.sin()));
        turned.column_mut(j).assign(&(&a * angle.sin() + &b * angle.cos()));
    }
    turned
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_set_has_no_distance_from_itself_even_with_fewer_rows_than_dimensions(
        seed in 0u64..1000, count in 2usize..60, dimension in 1usize..24,
    ) {
        let set = features(seed, count, dimension);
        let gaussian = Gaussian::of(set.view()).unwrap();
        prop_assert!(rows(&set, &set).abs() < 1e-6);
        prop_assert!(frechet_distance(&gaussian, &gaussian).unwrap().value.abs() < 1e-6);
        prop_assert!(frechet_distance(&gaussian, set.view()).unwrap().value.abs() < 1e-6);
    }

    #[test]
    fn rows_and_statistics_agree_in_every_combination(
        seed in 0u64..1000, n in 2usize..60, m in 2usize..60, dimension in 1usize..24,
    ) {
        let (real, generated) = (features(seed, n, dimension), features(seed + 7, m, dimension));
        let (of_real, of_generated) = (Gaussian::of(real.view()).unwrap(), Gaussian::of(generated.view()).unwrap());
        let all = [
            frechet_distance(real.view(), &of_generated),
            frechet_distance(&of_real, generated.view()),
            frechet_distance(&of_real, &of_generated),
        ];
        let expected = frechet_distance(real.view(), generated.view()).unwrap();
        for found in all {
            let found = found.unwrap();
            // Statistics without full rank lose what is below rounding.
            prop_assert!((found.value - expected.value).abs() < 1e-7 * (1.0 + expected.value));
            prop_assert_eq!((found.n_real, found.n_generated), (Some(n as u64), Some(m as u64)));
            prop_assert_eq!(found.dimension, dimension);
        }
    }

    #[test]
    fn order_sides_rotation_and_scale(seed in 0u64..1000, count in 2usize..60, angle in 0.0f32..3.0) {
        let (real, generated) = (features(seed, count, 8), features(seed + 7, 40, 8));
        let expected = rows(&real, &generated);
        let near = |found: f64, expected: f64, tolerance: f64| (found - expected).abs() < tolerance * expected;
        prop_assert!(near(rows(&generated, &real), expected, 1e-10));
        prop_assert!(near(rows(&real.slice(s![..;-1, ..]).to_owned(), &generated), expected, 1e-10));
        // A power of two is exact in single precision, a rotation is not.
        prop_assert!(near(rows(&(&real * 4.0), &(&generated * 4.0)), 16.0 * expected, 1e-10));
        prop_assert!(near(rows(&rotate(&real, angle), &rotate(&generated, angle)), expected, 1e-5));
    }

    #[test]
    fn diagonal_gaussians_have_a_closed_form(
        values in prop::collection::vec((-3.0f64..3.0, -3.0f64..3.0, 0.0f64..4.0, 0.0f64..4.0), 1..12),
    ) {
        let pick = |f: fn(&(f64, f64, f64, f64)) -> f64| values.iter().map(f).collect::<Array1<f64>>();
        let gaussian = |mean, sd: Array1<f64>| Gaussian::new(None, mean, Array2::from_diag(&(&sd * &sd))).unwrap();
        let (real, generated) = (gaussian(pick(|v| v.0), pick(|v| v.2)), gaussian(pick(|v| v.1), pick(|v| v.3)));
        let expected: f64 = values.iter().map(|v| (v.0 - v.1).powi(2) + (v.2 - v.3).powi(2)).sum();
        let found = frechet_distance(&real, &generated).unwrap();
        prop_assert!((found.value - expected).abs() < 1e-10 * (1.0 + expected));
        prop_assert_eq!(found.n_real, None);
    }

    #[test]
    fn more_noise_is_farther_away(seed in 0u64..1000, count in 40usize..80) {
        let (real, noise) = (features(seed, count, 6), normal(seed + 9, count, 6));
        let distances = [0.0, 1.0, 2.0, 4.0, 8.0].map(|scale| rows(&real, &(&real + &(&noise * scale))));
        prop_assert!(distances.windows(2).all(|pair| pair[0] < pair[1]), "{distances:?}");
    }
}

#[test]
fn features_that_never_change_or_repeat_each_other_are_reported_and_exact() {
    let mut set = features(1, 50, 6);
    set.column_mut(2).fill(3.0);
    let first = set.column(0).to_owned();
    set.column_mut(4).assign(&first);
    let mut moved = set.clone();
    moved.column_mut(2).fill(5.0);
    let found = frechet_distance(set.view(), moved.view()).unwrap();
    assert!((found.value - 4.0).abs() < 1e-9, "{}", found.value);
    assert!(found.real_rank_deficient && found.generated_rank_deficient);
    let full = features(2, 50, 6);
    let found = frechet_distance(full.view(), moved.view()).unwrap();
    assert!(!found.real_rank_deficient && found.generated_rank_deficient);
    assert!(frechet_distance(full.slice(s![..6, ..]), full.view()).unwrap().real_rank_deficient);
}

#[test]
fn sets_that_cannot_be_compared_are_refused() {
    let good = features(1, 9, 3);
    let refused = |real: &Array2<f32>, generated: &Array2<f32>| {
        frechet_distance(real.view(), generated.view()).unwrap_err().to_string()
    };
    assert!(refused(&good, &features(1, 9, 2)).contains("features of 2 numbers where 3"));
    assert!(refused(&good, &features(1, 1, 3)).contains("1 rows, but at least 2"));
    assert!(refused(&Array2::zeros((9, 0)), &good).contains("at least 1"));
    for count in [2, 9] {
        let mut broken = features(1, count, 3);
        broken[[1, 2]] = f32::NEG_INFINITY;
        assert!(refused(&broken, &good).contains("row 1"));
    }
}

#[test]
fn a_distance_that_falls_like_one_over_n_extrapolates_to_its_limit() {
    // Both are samples of one Gaussian, the real one a large one.
    let (real, generated) = (normal(1, 20_000, 4), normal(2, 1000, 4));
    let found = frechet_extrapolation(real.view(), generated.view(), &extrapolation_sizes(1000)).unwrap();
    let last = *found.distances.last().unwrap();
    assert!(found.distances[0] > last && found.slope > 0.0);
    assert!(found.intercept.abs() < last / 2.0, "{} of {last}", found.intercept);
    let expected = rows(&real, &generated.slice(s![..100, ..]).to_owned());
    assert_eq!((found.sizes[0], found.distances[0]), (100, expected));
    assert_eq!(extrapolation_sizes(50_000).first(), Some(&5000));
    assert_eq!((extrapolation_sizes(50_000).len(), extrapolation_sizes(50_000)[14]), (15, 50_000));
}

#[test]
fn sizes_that_give_no_line_are_refused() {
    let set = array![[0.0_f32], [1.0], [3.0]];
    let refused = |sizes: &[usize]| frechet_extrapolation(set.view(), set.view(), sizes).unwrap_err().to_string();
    assert!(refused(&[2]).contains("at least 2"));
    assert!(refused(&[1, 3]).contains("1 rows, but at least 2"));
    assert!(refused(&[2, 4]).contains("4 of 3"));
    assert!(refused(&[3, 3]).contains("different"));
}
