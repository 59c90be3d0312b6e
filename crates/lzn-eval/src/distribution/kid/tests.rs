//! The laws of KID and its estimators.

use ndarray::{Array2, Axis, s};
use proptest::prelude::*;

use super::*;
use crate::distribution::samples::normal;

/// The definition, pair by pair.
fn by_pairs(real: &Array2<f32>, generated: &Array2<f32>, unbiased: bool) -> f64 {
    let (x, y) = (real.mapv(f64::from), generated.mapv(f64::from));
    let kernel = |x: &Array2<f64>, y: &Array2<f64>| (x.dot(&y.t()) / x.ncols() as f64 + 1.0).mapv(|k| k.powi(3));
    let within = |x: &Array2<f64>| {
        let (all, n) = (kernel(x, x), x.nrows() as f64);
        if unbiased { (all.sum() - all.diag().sum()) / (n * (n - 1.0)) } else { all.sum() / (n * n) }
    };
    within(&x) + within(&y) - 2.0 * kernel(&x, &y).sum() / (x.nrows() * y.nrows()) as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_pairs_agree_with_the_definition_in_any_order(seed in 0u64..1000, n in 2usize..40, m in 2usize..40, d in 1usize..9) {
        let (real, generated) = (normal(seed, n, d), normal(seed + 1, m, d) + 0.5);
        let found = kid(real.view(), generated.view()).unwrap();
        prop_assert!((found.value - by_pairs(&real, &generated, true)).abs() < 1e-11);
        let biased = kid_biased(real.view(), generated.view()).unwrap();
        prop_assert!((biased.value - by_pairs(&real, &generated, false)).abs() < 1e-11);
        prop_assert!(biased.value > -1e-12 && found.unbiased && !biased.unbiased);
        let turned = kid(real.slice(s![..;-1, ..]), generated.view()).unwrap();
        prop_assert!((found.value - turned.value).abs() < 1e-11);
        prop_assert_eq!((found.n_real, found.n_generated, found.dimension), (n, m, d));
    }

    #[test]
    fn blocks_are_the_parts_of_the_sets(seed in 0u64..1000, n in 12usize..40, m in 12usize..40, most in 6usize..45) {
        let (real, generated) = (normal(seed, n, 3), normal(seed + 1, m, 3));
        let count = n.max(m).div_ceil(most);
        prop_assume!(n.min(m) / count >= 2);
        let found = kid_blocks(real.view(), generated.view(), most).unwrap();
        prop_assert_eq!(found.values.len(), count);
        // Sizes differ by one at most, small ones first: the last blocks end with the sets.
        let last = |set: &Array2<f32>| set.slice(s![set.nrows() - set.nrows().div_ceil(count).., ..]).to_owned();
        prop_assert!((found.values[count - 1] - by_pairs(&last(&real), &last(&generated), true)).abs() < 1e-11);
        let first = |set: &Array2<f32>| set.slice(s![..set.nrows() / count, ..]).to_owned();
        prop_assert!((found.values[0] - by_pairs(&first(&real), &first(&generated), true)).abs() < 1e-11);
        prop_assert!((found.mean - found.values.iter().sum::<f64>() / count as f64).abs() < 1e-12);
        prop_assert_eq!(found.standard_error.is_some(), count > 1);
    }
}

#[test]
fn seeded_subsets_are_subsets_and_repeat() {
    let (real, generated) = (normal(1, 30, 3), normal(2, 25, 3));
    let draw = |seed| kid_seeded_subsets(real.view(), generated.view(), (4, 10), seed).unwrap();
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5).values, draw(6).values);
    assert_eq!(draw(5).parts, KidParts::Seeded { size: 10, seed: 5 });
    // All rows, in whatever order: the set itself.
    let all = kid_seeded_subsets(real.view(), real.view(), (1, 30), 0).unwrap();
    assert!((all.mean - by_pairs(&real, &real, true)).abs() < 1e-11);
}

#[test]
fn given_subsets_are_those_rows() {
    let (real, generated) = (normal(1, 9, 2), normal(2, 8, 2));
    let subsets =
        [Subset { real: vec![8, 0, 3], generated: vec![1, 2] }, Subset { real: vec![1, 2], generated: vec![7, 0, 5] }];
    let found = kid_subsets(real.view(), generated.view(), &subsets).unwrap();
    for (value, subset) in found.values.iter().zip(&subsets) {
        let (x, y) = (real.select(Axis(0), &subset.real), generated.select(Axis(0), &subset.generated));
        assert!((value - by_pairs(&x, &y, true)).abs() < 1e-12);
    }
    let half = (found.values[0] - found.values[1]).abs() / 2.0;
    assert!((found.deviation - half).abs() < 1e-12);
    assert!((found.standard_error.unwrap() - half).abs() < 1e-12);
}

#[test]
fn what_has_no_unbiased_estimate_is_refused() {
    let (set, one) = (normal(1, 6, 2), normal(2, 1, 2));
    let refused = |result: Result<KernelDistances, EvalError>| result.unwrap_err().to_string();
    assert!(matches!(kid(set.view(), one.view()), Err(EvalError::TooFew { needed: 2, got: 1, .. })));
    assert!(matches!(kid(set.view(), normal(1, 6, 3).view()), Err(EvalError::Dimension { .. })));
    assert!(refused(kid_blocks(set.view(), normal(2, 90, 2).view(), 10)).contains("rows in a block"));
    assert!(refused(kid_blocks(set.view(), set.view(), 1)).contains("rows in a block"));
    assert!(refused(kid_seeded_subsets(set.view(), set.view(), (2, 7), 0)).contains("6 real rows"));
    assert!(refused(kid_seeded_subsets(set.view(), set.view(), (0, 3), 0)).contains("0 subsets"));
    assert!(refused(kid_seeded_subsets(set.view(), set.view(), (1, 1), 0)).contains("rows in a subset"));
    let outside = [Subset { real: vec![0, 6], generated: vec![0, 1] }];
    assert!(refused(kid_subsets(set.view(), set.view(), &outside)).contains("6 of 6"));
    let mut broken = set.clone();
    broken[[4, 0]] = f32::NAN;
    assert!(matches!(kid(set.view(), broken.view()), Err(EvalError::NotANumber { row: 4, .. })));
}
