//! Confidence intervals by resampling.

use lzn_random::{Purpose, Stream};
use serde::Serialize;

use super::checks::check_count;
use crate::EvalError;

const OPERATION: &str = "bootstrap";

/// Draws of one resample; indices `[resample, 0, 0]`.
const RESAMPLE: Purpose = Purpose::new("bootstrap");

/// An estimate with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The statistic of the data themselves.
    pub estimate: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Share of repetitions of the experiment whose interval would contain the truth, for instance 0.95.
    pub level: f64,
    /// How many data there were.
    pub count: usize,
    /// How often they were resampled.
    pub resamples: usize,
    /// The seed of the resamples.
    pub seed: u64,
}

/// The percentile interval of a mean over independent values, such as per-image errors, hits (0 or 1) or the KID of blocks.
///
/// # Errors
/// As [`bootstrap`]; also [`EvalError::NotANumber`] if a value is not finite.
pub fn bootstrap_mean(values: &[f64], resamples: usize, level: f64, seed: u64) -> Result<Interval, EvalError> {
    if let Some(row) = values.iter().position(|value| !value.is_finite()) {
        return Err(EvalError::NotANumber { operation: OPERATION, row });
    }
    let mean = |chosen: &[usize]| chosen.iter().map(|&i| values[i]).sum::<f64>() / chosen.len() as f64;
    bootstrap(values.len(), resamples, level, seed, mean)
}

/// The percentile interval of any statistic of `count` independent data (Efron 1979): the statistic of as many data drawn from
/// them with replacement, over and over; and of what comes out, the middle part.
///
/// `statistic` is given the numbers of the chosen data. It must make sense of repetitions: those of Frechet and kernel distances,
/// where a repeated row is its own neighbour, do not.
///
/// # Errors
/// [`EvalError::TooFew`] for fewer than two data or resamples, [`EvalError::Setting`] unless `0 < level < 1`.
pub fn bootstrap(
    count: usize,
    resamples: usize,
    level: f64,
    seed: u64,
    statistic: impl Fn(&[usize]) -> f64,
) -> Result<Interval, EvalError> {
    check_count(OPERATION, "data", count, 2)?;
    check_count(OPERATION, "resamples", resamples, 2)?;
    if !(level > 0.0 && level < 1.0) {
        let (argument, rule) = ("level", "between 0 and 1");
        return Err(EvalError::Setting { operation: OPERATION, argument, rule, got: level.to_string() });
    }
    let mut chosen: Vec<usize> = (0..count).collect();
    let estimate = statistic(&chosen);
    let mut found = Vec::with_capacity(resamples);
    for resample in 0..resamples {
        let mut stream = Stream::new(seed, RESAMPLE, [resample as u64, 0, 0]);
        chosen.iter_mut().for_each(|i| *i = stream.below(count));
        found.push(statistic(&chosen));
    }
    found.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    let (lower, upper) = (quantile(&found, tail), quantile(&found, 1.0 - tail));
    Ok(Interval { estimate, lower, upper, level, count, resamples, seed })
}

/// Linear between order statistics.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_about_two_standard_errors_to_each_side() {
        let values = Stream::new(1, Purpose::new("test"), [0; 3]).normals_f64(400);
        let found = bootstrap_mean(&values, 2000, 0.95, 7).unwrap();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let error = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0) / count).sqrt();
        assert!((found.estimate - mean).abs() < 1e-12);
        for half in [found.upper - mean, mean - found.lower] {
            // The 97.5 % quantile of a Gaussian; that of 2,000 resamples is known to a few percent.
            assert!((half / error / 1.96 - 1.0).abs() < 0.1, "{half} {error}");
        }
        let narrow = bootstrap_mean(&values, 2000, 0.5, 7).unwrap();
        assert!(found.lower < narrow.lower && narrow.upper < found.upper);
        assert_eq!(found, bootstrap_mean(&values, 2000, 0.95, 7).unwrap());
        assert_ne!(found, bootstrap_mean(&values, 2000, 0.95, 8).unwrap());
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let found = bootstrap_mean(&[0.25; 9], 50, 0.9, 0).unwrap();
        assert_eq!((found.lower, found.estimate, found.upper), (0.25, 0.25, 0.25));
        assert_eq!((found.count, found.resamples), (9, 50));
    }

    #[test]
    fn quantiles_lie_between_order_statistics() {
        let sorted = [0.0, 1.0, 4.0];
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&sorted, share)), [0.0, 0.5, 1.0, 2.5, 4.0]);
    }

    #[test]
    fn settings_without_an_answer_are_refused() {
        let refused =
            |values: &[f64], resamples, level| bootstrap_mean(values, resamples, level, 0).unwrap_err().to_string();
        assert!(refused(&[1.0], 9, 0.9).contains("1 data"));
        assert!(refused(&[1.0, 2.0], 1, 0.9).contains("1 resamples"));
        assert!(refused(&[1.0, f64::NAN], 9, 0.9).contains("row 1"));
        for level in [0.0, 1.0, f64::NAN] {
            assert!(refused(&[1.0, 2.0], 9, level).contains("level"));
        }
    }
}
