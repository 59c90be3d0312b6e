//! Whether a classifier is as often right as it says.

use plotters::prelude::*;

use super::axes::Axes;
use super::chart::{Chart, Frame, place};
use super::curves::PANEL;
use super::palette::COLORS;
use crate::canvas::{Canvas, SOFT_INK, scaled};
use crate::{Drawing, EvalError, Reliability, ReliabilityBin};

const OPERATION: &str = "reliability";

/// Height of the lower chart, with the shares of the predictions.
const SHARES: u32 = 170;

/// Draws a reliability diagram (DeGroot and Fienberg, "The comparison and evaluation of forecasters", 1983): accuracy over
/// confidence, bin by bin, with the gap between both, and below it the share of the predictions in each bin.
///
/// # Errors
/// [`EvalError::Empty`] if there is no prediction; [`EvalError::Setting`] for a bin with numbers that are not from 0 to 1.
pub fn reliability(found: &Reliability) -> Result<Drawing, EvalError> {
    let total: u64 = found.bins.iter().map(|bin| bin.count).sum();
    let columns = found.bins.iter().filter(|bin| bin.count > 0).map(|bin| Column::of(bin, total));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    if columns.is_empty() {
        return Err(EvalError::Empty { operation: OPERATION });
    }
    let title = format!("expected calibration error {:.2} %", 100.0 * found.expected_error);
    Ok(Drawing::new((PANEL.0, PANEL.1 + SHARES), move |canvas| {
        draw_gaps(canvas, &title, &columns)?;
        draw_shares(canvas, total, &columns)
    }))
}

/// A bin with predictions in it; everything is from 0 to 1.
struct Column {
    range: (f64, f64),
    confidence: f64,
    accuracy: f64,
    share: f64,
}

impl Column {
    fn of(bin: &ReliabilityBin, total: u64) -> Result<Self, EvalError> {
        let valid = |value: &f64| (0.0..=1.0).contains(value);
        match (bin.confidence.filter(valid), bin.accuracy.filter(valid)) {
            (Some(confidence), Some(accuracy)) if valid(&bin.low) && valid(&bin.high) && bin.low < bin.high => {
                let share = bin.count as f64 / total as f64;
                Ok(Self { range: (bin.low, bin.high), confidence, accuracy, share })
            }
            _ => {
                let (argument, rule) = ("bins", "of a range, a confidence and an accuracy from 0 to 1");
                Err(EvalError::Setting { operation: OPERATION, argument, rule, got: format!("{bin:?}") })
            }
        }
    }

    /// Fills the place of the bin between two heights.
    fn fill(
        &self,
        canvas: &Canvas<'_>,
        chart: &Chart<'_>,
        (from, to): (f64, f64),
        color: RGBAColor,
    ) -> Result<(), EvalError> {
        let (left, bottom) = place(chart, (self.range.0, from.min(to)));
        let (right, top) = place(chart, (self.range.1, from.max(to)));
        canvas.fill_fine((left + scaled(1), top), (right, bottom), color)
    }
}

fn draw_gaps(canvas: &Canvas<'_>, title: &str, columns: &[Column]) -> Result<(), EvalError> {
    let legend = [("accuracy", COLORS[0]), ("gap to the confidence", COLORS[1])];
    let legend = legend.map(|(name, color)| (name.to_owned(), color));
    let axes = Axes { x: 0.0..1.0, y: 0.0..1.0, numbered: true };
    let frame = Frame { title, legend: &legend, x_label: "", y_label: "fraction that is right", axes: &axes };
    let chart = frame.draw(canvas, (0, 0), PANEL)?;
    for column in columns {
        column.fill(canvas, &chart, (0.0, column.accuracy), COLORS[0].mix(0.6))?;
        column.fill(canvas, &chart, (column.accuracy, column.confidence), COLORS[1].mix(0.45))?;
    }
    let ends = [(0.0, 0.0), (1.0, 1.0)].map(|end| place(&chart, end));
    canvas.line_fine(ends, SOFT_INK.stroke_width(scaled(1) as u32))
}

fn draw_shares(canvas: &Canvas<'_>, total: u64, columns: &[Column]) -> Result<(), EvalError> {
    let highest = columns.iter().map(|column| column.share).fold(0.0, f64::max);
    let axes = Axes { x: 0.0..1.0, y: 0.0..1.05 * highest, numbered: true };
    let title = format!("share of the {total} predictions");
    let frame = Frame { title: &title, legend: &[], x_label: "confidence", y_label: "share", axes: &axes };
    let chart = frame.draw(canvas, (0, PANEL.1 as i32), (PANEL.0, SHARES))?;
    columns.iter().try_for_each(|column| column.fill(canvas, &chart, (0.0, column.share), SOFT_INK.mix(0.5)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bins: &[(f64, u64, Option<f64>, Option<f64>)]) -> Reliability {
        let bin = |&(low, count, confidence, accuracy): &(f64, u64, _, _)| ReliabilityBin {
            low,
            high: low + 0.1,
            count,
            confidence,
            accuracy,
        };
        Reliability { bins: bins.iter().map(bin).collect(), expected_error: 0.25, largest_error: 0.5 }
    }

    /// Heights of the rectangles of a colour, in order of their places.
    fn heights(svg: &str, RGBColor(red, green, blue): RGBColor) -> Vec<f64> {
        let color = format!("fill=\"#{red:02X}{green:02X}{blue:02X}\"");
        let own = svg.lines().filter(|line| line.starts_with("<rect") && line.contains(&color));
        let height =
            |line: &str| line.split_once("height=\"").and_then(|(_, rest)| rest.split_once('"')?.0.parse().ok());
        // Pieces of the legend are 3 pixels high.
        own.filter_map(height).filter(|&height| height > f64::from(scaled(3))).collect()
    }

    #[test]
    fn columns_are_as_high_as_their_accuracy_and_gaps_as_the_difference() {
        let bins = [(0.0, 0, None, None), (0.5, 30, Some(0.6), Some(0.2)), (0.9, 70, Some(0.95), Some(0.8))];
        let svg = reliability(&found(&bins)).unwrap().to_svg().unwrap();
        assert!(svg.contains("expected calibration error 25.00 %") && svg.contains("share of the 100 predictions"));
        let (accuracies, gaps) = (heights(&svg, COLORS[0]), heights(&svg, COLORS[1]));
        let ([low, high], [wide, narrow]) = (&accuracies[..], &gaps[..]) else { panic!("{accuracies:?} {gaps:?}") };
        for (height, fraction) in [(high, 0.8), (wide, 0.4), (narrow, 0.15)] {
            assert!((height / low - fraction / 0.2).abs() < 0.02, "{accuracies:?} {gaps:?}");
        }
        let shares = heights(&svg, SOFT_INK);
        assert!((shares[1] / shares[0] - 70.0 / 30.0).abs() < 0.05, "{shares:?}");
    }

    #[test]
    fn numbers_that_are_no_fractions_are_refused() {
        for bin in [(0.5, 1, Some(1.5), Some(0.5)), (0.5, 1, Some(0.5), None), (0.95, 1, Some(0.5), Some(0.5))] {
            assert!(matches!(reliability(&found(&[bin])), Err(EvalError::Setting { .. })), "{bin:?}");
        }
        assert!(matches!(reliability(&found(&[])), Err(EvalError::Empty { .. })));
    }
}
