//! How far a measured accuracy can be from the true one.

use serde::Serialize;

use crate::EvalError;

const OPERATION: &str = "confidence interval";

/// A share and a range that holds the true probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct WilsonInterval {
    /// `successes / total`.
    pub estimate: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Share of repetitions of the experiment whose interval would contain the truth, for instance 0.95.
    pub level: f64,
    /// The number of trials.
    pub count: u64,
}

/// Wilson's interval of a share: with `successes` out of `total` independent trials, it holds the true probability at a
/// confidence of about `level`, also near 0 and 1 and for few trials, where the share plus or minus its standard error fails
/// (Wilson, "Probable inference, the law of succession, and statistical inference", 1927).
///
/// ```text
/// (p + z^2 / 2n  ±  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n),    p = successes / n
/// ```
///
/// For an accuracy it covers the choice of test images. It knows nothing of the seed of training, which often matters more.
///
/// # Errors
/// [`EvalError::Empty`] without trials, [`EvalError::Setting`] for more successes than trials or a level outside of (0, 1).
///
/// # Example
/// ```
/// // 9447 of 10,000 right: 94.47 % is known to about half a percent.
/// let interval = lzn_eval::wilson_interval(9447, 10_000, 0.95)?;
/// assert!(0.9400 < interval.lower && interval.upper < 0.9491);
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
pub fn wilson_interval(successes: u64, total: u64, level: f64) -> Result<WilsonInterval, EvalError> {
    let setting = |argument, rule, got| Err(EvalError::Setting { operation: OPERATION, argument, rule, got });
    if total == 0 {
        return Err(EvalError::Empty { operation: OPERATION });
    }
    if successes > total {
        return setting("successes", "at most the number of trials", format!("{successes} of {total}"));
    }
    if !(level > 0.0 && level < 1.0) {
        return setting("level", "between 0 and 1, such as 0.95", level.to_string());
    }
    let (n, z) = (total as f64, two_sided(level));
    let (p, zz) = (successes as f64 / n, z * z / n);
    let half = (p * (1.0 - p) * zz + zz * zz / 4.0).sqrt();
    let end = |offset: f64| ((p + zz / 2.0 + offset) / (1.0 + zz)).clamp(0.0, 1.0);
    Ok(WilsonInterval { estimate: p, lower: end(-half), upper: end(half), level, count: total })
}

/// The number of standard deviations within which a normal variable lies with probability `level`, by bisection.
fn two_sided(level: f64) -> f64 {
    let inside = |z: f64| libm::erf(z / std::f64::consts::SQRT_2) < level;
    // Beyond 9 the probability is 1 in float64.
    let (low, high) = (0..60).fold((0.0, 9.0), |(low, high), _| {
        let middle = 0.5 * (low + high);
        if inside(middle) { (middle, high) } else { (low, middle) }
    });
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use lzn_random::{Purpose, Stream};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_normal_quantile_is_the_one_that_integration_finds() {
        for level in [0.5, 0.9, 0.95, 0.999] {
            let (z, steps) = (two_sided(level), 20_000);
            // Simpson's rule over the density.
            let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let h = 2.0 * z / f64::from(steps);
            let weight = |i: i32| f64::from(if i == 0 || i == steps { 1 } else { 2 + 2 * (i % 2) });
            let sum: f64 = (0..=steps).map(|i| weight(i) * density(-z + f64::from(i) * h)).sum();
            assert!((sum * h / 3.0 - level).abs() < 1e-12, "{level}");
        }
    }

    #[test]
    fn the_ends_are_where_the_score_test_turns() {
        for (successes, total) in [(0, 7), (3, 7), (7, 7), (9447, 10_000)] {
            let interval = wilson_interval(successes, total, 0.95).unwrap();
            let (n, z) = (total as f64, two_sided(0.95));
            for end in [interval.lower, interval.upper] {
                // (p - end)^2 = z^2 end (1 - end) / n defines the interval.
                let difference = (successes as f64 / n - end).powi(2) - z * z * end * (1.0 - end) / n;
                assert!(difference.abs() < 1e-14, "{successes} of {total}: {difference}");
            }
        }
    }

    #[test]
    fn it_covers_about_as_often_as_it_says() {
        let mut stream = Stream::new(0, Purpose::new("test"), [0; 3]);
        for p in [0.02, 0.5, 0.95] {
            let covers = (0..4000).filter(|_| {
                let successes = (0..100).filter(|_| stream.uniform() < p).count() as u64;
                let interval = wilson_interval(successes, 100, 0.9).unwrap();
                interval.lower <= p && p <= interval.upper
            });
            // Counts are whole numbers, so coverage cannot be exact.
            let share = covers.count() as f64 / 4000.0;
            assert!((share - 0.9).abs() < 0.05, "{p}: {share}");
        }
    }

    proptest! {
        #[test]
        fn it_holds_the_share_and_narrows_with_more_trials(total in 1u64..1000, fraction in 0.0f64..1.0) {
            let successes = (fraction * total as f64) as u64;
            let few = wilson_interval(successes, total, 0.95).unwrap();
            let many = wilson_interval(4 * successes, 4 * total, 0.95).unwrap();
            let share = successes as f64 / total as f64;
            prop_assert!(0.0 <= few.lower && few.lower <= share && share <= few.upper && few.upper <= 1.0);
            prop_assert!(many.upper - many.lower < few.upper - few.lower);
        }
    }

    #[test]
    fn impossible_counts_and_levels_are_refused() {
        assert!(matches!(wilson_interval(0, 0, 0.95), Err(EvalError::Empty { .. })));
        assert!(matches!(wilson_interval(2, 1, 0.95), Err(EvalError::Setting { .. })));
        for level in [0.0, 1.0, f64::NAN] {
            assert!(matches!(wilson_interval(1, 2, level), Err(EvalError::Setting { .. })));
        }
    }
}
