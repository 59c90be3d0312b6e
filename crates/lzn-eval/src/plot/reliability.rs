//! Whether a classifier is as often right as it says.

use plotters::prelude::*;

use super::axes::Axes;
use super::chart::{Chart, Frame, place};
use super::curves::PANEL;
use super::palette::COLORS;
use crate::canvas::{Canvas, SOFT_INK, scaled};
use crate::{Drawing, EvalError};

const OPERATION: &str = "reliability";

/// Height of the lower chart, with the shares of the predictions.
const SHARES: u32 = 170;

/// Predictions of similar confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// The confidences that belong to the bin, from and to, in [0, 1].
    pub range: (f64, f64),
    /// How many predictions are in it.
    pub count: u64,
    /// Their mean confidence, in [0, 1]; without meaning if there are none.
    pub confidence: f64,
    /// The fraction of them that is right, in [0, 1]; without meaning if there are none.
    pub accuracy: f64,
}

/// A reliability diagram (DeGroot and Fienberg, "The comparison and evaluation of forecasters", 1983): accuracy over
/// confidence, bin by bin, with the gap between both, and below it the share of the predictions in each bin.
///
/// # Example
/// ```
/// use lzn_eval::plot::{CalibrationBin, Reliability};
///
/// let bins = [
///     CalibrationBin { range: (0.0, 0.5), count: 20, confidence: 0.4, accuracy: 0.5 },
///     CalibrationBin { range: (0.5, 1.0), count: 80, confidence: 0.9, accuracy: 0.8 },
/// ];
/// let diagram = Reliability::new("Calibration", &bins);
/// assert!((diagram.expected_error()? - (0.2 * 0.1 + 0.8 * 0.1)).abs() < 1e-12);
/// assert_eq!(diagram.draw()?.width(), 560);
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    title: String,
    bins: Vec<CalibrationBin>,
}

impl Reliability {
    /// The diagram of these bins.
    #[must_use]
    pub fn new(title: impl Into<String>, bins: &[CalibrationBin]) -> Self {
        Self { title: title.into(), bins: bins.to_vec() }
    }

    /// The mean distance of accuracy and confidence, in [0, 1], each bin counting as often as it has predictions.
    ///
    /// # Errors
    /// [`EvalError::Empty`] if there is no prediction; [`EvalError::Setting`] for a number that is not from 0 to 1, or a range that is
    /// empty.
    pub fn expected_error(&self) -> Result<f64, EvalError> {
        let total = self.check()? as f64;
        let gap = |bin: &CalibrationBin| bin.count as f64 * (bin.accuracy - bin.confidence).abs();
        Ok(self.filled().map(gap).sum::<f64>() / total)
    }

    /// Draws the diagram.
    ///
    /// # Errors
    /// As [`Reliability::expected_error`].
    pub fn draw(&self) -> Result<Drawing, EvalError> {
        let total = self.check()?;
        let diagram = self.clone();
        let size = (PANEL.0, PANEL.1 + SHARES);
        Ok(Drawing::new(size, move |canvas| {
            diagram.draw_gaps(canvas)?;
            diagram.draw_shares(canvas, total)
        }))
    }

    fn filled(&self) -> impl Iterator<Item = &CalibrationBin> {
        self.bins.iter().filter(|bin| bin.count > 0)
    }

    /// Checks every number and returns how many predictions there are.
    fn check(&self) -> Result<u64, EvalError> {
        let share = 0.0..=1.0;
        for bin in self.filled() {
            let (low, high) = bin.range;
            if [low, high, bin.confidence, bin.accuracy].iter().any(|value| !share.contains(value)) || low >= high {
                let (argument, rule) = ("bins", "of a range, a confidence and an accuracy from 0 to 1");
                return Err(EvalError::Setting { operation: OPERATION, argument, rule, got: format!("{bin:?}") });
            }
        }
        match self.bins.iter().map(|bin| bin.count).sum() {
            0 => Err(EvalError::Empty { operation: OPERATION }),
            total => Ok(total),
        }
    }

    fn draw_gaps(&self, canvas: &Canvas<'_>) -> Result<(), EvalError> {
        let legend = [("accuracy", COLORS[0]), ("gap to the confidence", COLORS[1])];
        let legend = legend.map(|(name, color)| (name.to_owned(), color));
        let axes = Axes { x: 0.0..1.0, y: 0.0..1.0, numbered: true };
        let frame =
            Frame { title: &self.title, legend: &legend, x_label: "", y_label: "fraction that is right", axes: &axes };
        let chart = frame.draw(canvas, (0, 0), PANEL)?;
        for bin in self.filled() {
            column(canvas, &chart, bin, (0.0, bin.accuracy), COLORS[0].mix(0.6))?;
            column(canvas, &chart, bin, (bin.accuracy, bin.confidence), COLORS[1].mix(0.45))?;
        }
        let ends = [(0.0, 0.0), (1.0, 1.0)].map(|end| place(&chart, end));
        canvas.line_fine(ends, SOFT_INK.stroke_width(scaled(1) as u32))
    }

    fn draw_shares(&self, canvas: &Canvas<'_>, total: u64) -> Result<(), EvalError> {
        let share = |bin: &CalibrationBin| bin.count as f64 / total as f64;
        let highest = self.filled().map(share).fold(0.0, f64::max);
        let axes = Axes { x: 0.0..1.0, y: 0.0..1.05 * highest, numbered: true };
        let title = format!("share of the {total} predictions");
        let frame = Frame { title: &title, legend: &[], x_label: "confidence", y_label: "share", axes: &axes };
        let chart = frame.draw(canvas, (0, PANEL.1 as i32), (PANEL.0, SHARES))?;
        self.filled().try_for_each(|bin| column(canvas, &chart, bin, (0.0, share(bin)), SOFT_INK.mix(0.5)))
    }
}

/// Fills the place of a bin between two heights.
fn column(
    canvas: &Canvas<'_>,
    chart: &Chart<'_>,
    bin: &CalibrationBin,
    (from, to): (f64, f64),
    color: RGBAColor,
) -> Result<(), EvalError> {
    let (left, bottom) = place(chart, (bin.range.0, from.min(to)));
    let (right, top) = place(chart, (bin.range.1, from.max(to)));
    canvas.fill_fine((left + scaled(1), top), (right, bottom), color)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(low: f64, count: u64, confidence: f64, accuracy: f64) -> CalibrationBin {
        CalibrationBin { range: (low, low + 0.1), count, confidence, accuracy }
    }

    #[test]
    fn the_error_is_that_of_the_definition_and_empty_bins_say_nothing() {
        let bins = [bin(0.1, 0, f64::NAN, f64::NAN), bin(0.5, 30, 0.55, 0.4), bin(0.9, 70, 0.95, 1.0)];
        let error = Reliability::new("", &bins).expected_error().unwrap();
        assert!((error - (30.0 * 0.15 + 70.0 * 0.05) / 100.0).abs() < 1e-12);
        assert!(Reliability::new("", &bins).draw().unwrap().picture().is_ok());
    }

    #[test]
    fn numbers_that_are_no_shares_are_refused() {
        for bins in [[bin(0.5, 1, 1.5, 0.5)], [bin(0.5, 1, 0.5, f64::NAN)], [bin(0.95, 1, 0.5, 0.5)]] {
            assert!(matches!(Reliability::new("", &bins).draw(), Err(EvalError::Setting { .. })), "{bins:?}");
        }
        assert!(matches!(Reliability::new("", &[]).draw(), Err(EvalError::Empty { .. })));
    }
}
