//! What the axes of a chart show, and the numbers along them.

use std::ops;

use super::curves::{Panel, Range};
use crate::EvalError;

const OPERATION: &str = "curves";

/// One in this many values at either end may fall outside a fitted range.
const EXTREME: usize = 1000;

/// What both axes show.
pub(super) struct Axes {
    pub(super) x: ops::Range<f64>,
    pub(super) y: ops::Range<f64>,
    /// Whether there are numbers along the horizontal axis.
    pub(super) numbered: bool,
}

impl Axes {
    /// The axes that show the lines of `panel`.
    pub(super) fn of(panel: &Panel) -> Result<Self, EvalError> {
        let points =
            || panel.lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let xs = sorted(points().map(|point| point.0));
        let (Some(&first), Some(&last)) = (xs.first(), xs.last()) else {
            return Err(EvalError::Empty { operation: OPERATION });
        };
        // Axes that begin near zero begin at zero.
        let first = if first >= 0.0 && first < 0.1 * last { 0.0 } else { first };
        let y = match panel.range {
            Range::Fixed(low, high) => fixed(OPERATION, low, high)?,
            Range::Fitting => fitting(&sorted(points().map(|point| point.1))),
        };
        Ok(Self { x: widened(first, last, 0.0), y, numbered: true })
    }

    /// The axes that show all `points`, with some air, in `size` pixels on which both have the same unit.
    pub(super) fn around(points: impl Iterator<Item = (f64, f64)> + Clone, size: (i32, i32)) -> Option<Self> {
        let (xs, ys) = (sorted(points.clone().map(|point| point.0)), sorted(points.map(|point| point.1)));
        let range = |values: &[f64]| Some(widened(*values.first()?, *values.last()?, 0.05));
        let (x, y) = (range(&xs)?, range(&ys)?);
        let length = |range: &ops::Range<f64>| range.end - range.start;
        let unit = (length(&x) / f64::from(size.0)).max(length(&y) / f64::from(size.1));
        let to_size = |range: ops::Range<f64>, pixels: i32| {
            let room = (unit * f64::from(pixels) - length(&range)) / 2.0;
            range.start - room..range.end + room
        };
        Some(Self { x: to_size(x, size.0), y: to_size(y, size.1), numbered: true })
    }
}

/// A range that was asked for.
pub(super) fn fixed(operation: &'static str, low: f64, high: f64) -> Result<ops::Range<f64>, EvalError> {
    if low < high {
        return Ok(low..high);
    }
    let (argument, rule) = ("range", "from a lower to a higher number");
    Err(EvalError::Setting { operation, argument, rule, got: format!("{low} to {high}") })
}

/// The range of all values but the most extreme, with some air.
fn fitting(sorted: &[f64]) -> ops::Range<f64> {
    let cut = sorted.len() / EXTREME;
    let (low, high) = (sorted[cut], sorted[sorted.len() - 1 - cut]);
    let range = widened(low, high, 0.06);
    // What cannot be negative should not look as if it could.
    if low >= 0.0 { range.start.max(0.0)..range.end } else { range }
}

/// A range with a share of its size added to both ends; a single value gets room around it.
fn widened(low: f64, high: f64, share: f64) -> ops::Range<f64> {
    let size = high - low;
    let room = if size > 0.0 { size * share } else { low.abs().max(1.0) * 0.05 };
    low - room..high + room
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// A number on an axis of length `size`: `0.25`, `1500`, `20k`, `1.5M`.
pub(super) fn tick(value: f64, size: f64) -> String {
    // What the library adds up to reach zero.
    let value = if value.abs() < 1e-9 * size { 0.0 } else { value };
    let (value, unit) = match value.abs() {
        large if large >= 1e6 => (value / 1e6, "M"),
        large if large >= 1e4 => (value / 1e3, "k"),
        small if small > 0.0 && small < 1e-3 => return format!("{value:.0e}"),
        _ => (value, ""),
    };
    let text = format!("{value:.4}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_extremes_do_not_set_the_axis() {
        let mut values = vec![1.0; 1000];
        values[3] = 1e9;
        values[4] = 0.5;
        let range = fitting(&sorted(values.into_iter()));
        assert!(range.start > 0.4 && range.end < 2.0, "{range:?}");
        assert_eq!(fitting(&[0.0, 1.0]).start, 0.0, "a quantity that is never negative starts at zero at the lowest");
    }

    #[test]
    fn numbers_on_the_axes_are_short() {
        let values = [0.0, -2e-16, 0.25, 1500.0, 20_000.0, 1_500_000.0, 0.0001, -2.5];
        let texts = ["0", "0", "0.25", "1500", "20k", "1.5M", "1e-4", "-2.5"];
        assert_eq!(values.map(|value| tick(value, 1.0)), texts);
    }
}
