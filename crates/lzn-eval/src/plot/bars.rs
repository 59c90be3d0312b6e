//! Means of repeated measurements, with their spread.

use plotters::prelude::*;

use super::axes::Axes;
use super::chart::{Chart, Frame, TEXT, place};
use super::curves::PANEL;
use super::palette::COLORS;
use crate::canvas::{Anchor, Canvas, INK, SOFT_INK, drawing, scaled, unscaled};
use crate::{Drawing, EvalError, MeanVar, Metric};

const OPERATION: &str = "bars";

/// Width of a bar as a share of its place.
const WIDTH: f64 = 0.56;

/// The least width of one bar's place, in pixels, where its name and value have room.
const PLACE: u32 = 118;

/// One bar for each thing that was measured: the mean over repetitions, such as seeds, a whisker of one standard deviation to
/// either side, and a dot for every repetition. Bars begin at zero.
///
/// # Example
/// ```
/// use lzn_eval::plot::Bars;
///
/// let drawing = Bars::new("Test accuracy", "fraction of images")
///     .bar("joint", &[0.861, 0.858, 0.866])
///     .reference("supervised encoder", 0.91)
///     .draw()?;
/// assert!(drawing.to_svg()?.contains("0.862 ± 0.004"));
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    title: String,
    y_label: String,
    bars: Vec<(String, Vec<f64>)>,
    references: Vec<(String, f64)>,
}

impl Bars {
    /// No bars yet; `y_label` says what is measured, with its unit.
    #[must_use]
    pub fn new(title: impl Into<String>, y_label: impl Into<String>) -> Self {
        Self { title: title.into(), y_label: y_label.into(), bars: Vec::new(), references: Vec::new() }
    }

    /// Adds a bar at the right: what was measured each time.
    #[must_use]
    pub fn bar(mut self, name: impl Into<String>, values: &[f64]) -> Self {
        self.bars.push((name.into(), values.to_vec()));
        self
    }

    /// Adds a line across all bars, to compare them with.
    #[must_use]
    pub fn reference(mut self, name: impl Into<String>, value: f64) -> Self {
        self.references.push((name.into(), value));
        self
    }

    /// Draws the bars.
    ///
    /// # Errors
    /// [`EvalError::Empty`] without bars, or with a bar without values; [`EvalError::NotANumber`] for a value that is not finite,
    /// with the number of its bar or reference as the row.
    pub fn draw(&self) -> Result<Drawing, EvalError> {
        if self.bars.is_empty() {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        let bars = self.bars.iter().enumerate().map(|(row, bar)| Bar::of(row, bar)).collect::<Result<Vec<_>, _>>()?;
        let lines = self.references.iter().map(|reference| reference.1);
        if let Some(row) = lines.clone().position(|value| !value.is_finite()) {
            return Err(EvalError::NotANumber { operation: OPERATION, row });
        }
        let ends = bars.iter().flat_map(Bar::ends).chain(lines).chain([0.0]);
        let (low, high) = ends.fold((0.0f64, 0.0f64), |(low, high), value| (low.min(value), high.max(value)));
        // Air for the values above the whiskers; all of it if everything is zero.
        let air = if high > low { (high - low) * 0.12 } else { 1.0 };
        let axes =
            Axes { x: 0.0..bars.len() as f64, y: if low < 0.0 { low - air } else { 0.0 }..high + air, numbered: false };
        let legend: Vec<_> =
            self.references.iter().map(|line| line.0.clone()).zip(COLORS.into_iter().skip(1)).collect();
        let plan = self.clone();
        let size = (PANEL.0.max(92 + PLACE * bars.len() as u32), PANEL.1);
        Ok(Drawing::new(size, move |canvas| {
            let frame = Frame { title: &plan.title, legend: &legend, x_label: "", y_label: &plan.y_label, axes: &axes };
            let mut chart = frame.draw(canvas, (0, 0), size)?;
            for ((_, value), (_, color)) in plan.references.iter().zip(&legend) {
                let ends = [(0.0, *value), (bars.len() as f64, *value)].map(|end| place(&chart, end));
                canvas.line_fine(ends, color.stroke_width(scaled(2) as u32))?;
            }
            for (place, bar) in bars.iter().enumerate() {
                bar.draw(canvas, &mut chart, place)?;
            }
            Ok(())
        }))
    }
}

struct Bar {
    name: String,
    values: Vec<f64>,
    mean: f64,
    /// The standard deviation of a sample; `None` for a single value.
    deviation: Option<f64>,
}

impl Bar {
    fn of(row: usize, (name, values): &(String, Vec<f64>)) -> Result<Self, EvalError> {
        if values.iter().any(|value| !value.is_finite()) {
            return Err(EvalError::NotANumber { operation: OPERATION, row });
        }
        let mut moments = MeanVar::new();
        moments.update(values)?;
        let moments = moments.finish()?;
        Ok(Self {
            name: name.clone(),
            values: values.clone(),
            mean: moments.mean,
            deviation: moments.sample_deviation(),
        })
    }

    fn ends(&self) -> impl Iterator<Item = f64> + '_ {
        let deviation = self.deviation.unwrap_or(0.0);
        self.values.iter().copied().chain([self.mean - deviation, self.mean + deviation])
    }

    fn top(&self) -> f64 {
        self.ends().fold(self.mean.max(0.0), f64::max)
    }

    fn label(&self) -> String {
        // One digit of the spread that counts, or four of a single value.
        let digits = |value: f64, count: i32| (count - 1 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
        match self.deviation {
            Some(deviation) if deviation > 0.0 => {
                let digits = digits(deviation, 1);
                format!("{:.digits$} ± {deviation:.digits$}", self.mean)
            }
            _ if self.mean == 0.0 => "0".to_owned(),
            _ => format!("{:.*}", digits(self.mean, 4), self.mean),
        }
    }

    fn draw(&self, canvas: &Canvas<'_>, chart: &mut Chart<'_>, index: usize) -> Result<(), EvalError> {
        let middle = index as f64 + 0.5;
        let (left, base) = place(chart, (middle - WIDTH / 2.0, 0.0));
        let (right, top) = place(chart, (middle + WIDTH / 2.0, self.mean));
        canvas.fill_fine((left, top.min(base)), (right, top.max(base)), COLORS[0].mix(0.55))?;
        let ink = INK.stroke_width(scaled(1) as u32);
        if let Some(deviation) = self.deviation {
            let ends = [self.mean - deviation, self.mean + deviation].map(|value| place(chart, (middle, value)));
            canvas.line_fine(ends, ink)?;
            for (x, y) in ends {
                canvas.line_fine([(x - scaled(6), y), (x + scaled(6), y)], ink)?;
            }
        }
        // Side by side, so that equal values stay visible.
        let step = WIDTH / (self.values.len() + 1) as f64;
        let dots = self.values.iter().zip(1..).map(|(&value, number)| {
            let x = middle - WIDTH / 2.0 + step * f64::from(number);
            Circle::new((x, value), scaled(3), COLORS[0].filled())
        });
        chart.draw_series(dots).map_err(drawing)?;
        let (x, y) = unscaled(place(chart, (middle, self.top())));
        canvas.text_on_paper(&self.label(), (x, y - 14), TEXT)?;
        let (_, bottom) = unscaled(place(chart, (middle, chart.y_range().start)));
        canvas.text(&self.name, (x, bottom + 16), TEXT, SOFT_INK, Anchor::Middle, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_the_standard_deviation_of_a_sample() {
        let values = [0.861, 0.858, 0.866];
        let bar = Bar::of(0, &("joint".to_owned(), values.to_vec())).unwrap();
        let mean = values.iter().sum::<f64>() / 3.0;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
        assert!((bar.mean - mean).abs() < 1e-12 && (bar.deviation.unwrap() - deviation).abs() < 1e-12);
        assert_eq!(bar.label(), format!("{mean:.3} ± {deviation:.3}"));
        assert_eq!(Bar::of(0, &("one".to_owned(), vec![31.416])).unwrap().label(), "31.42");
    }

    #[test]
    fn a_higher_bar_reaches_higher_and_all_start_at_zero() {
        let svg = Bars::new("FID", "").bar("a", &[10.0, 10.0]).bar("b", &[20.0]).draw().unwrap().to_svg().unwrap();
        let number = |line: &str, name: &str| -> f64 {
            let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        };
        let RGBColor(red, green, blue) = COLORS[0];
        let color = format!("fill=\"#{red:02X}{green:02X}{blue:02X}\"");
        let boxes: Vec<_> = svg
            .lines()
            .filter(|line| line.starts_with("<rect") && line.contains(&color))
            .map(|line| (number(line, "y"), number(line, "height")))
            .collect();
        let [(top_a, height_a), (top_b, height_b)] = boxes[..] else { panic!("{boxes:?}") };
        assert!((height_b / height_a - 2.0).abs() < 0.02, "{boxes:?}");
        assert!((top_a + height_a - top_b - height_b).abs() < 1.5, "{boxes:?}");
    }

    #[test]
    fn bars_without_numbers_are_refused() {
        let bars = Bars::new("FID", "");
        assert!(matches!(bars.draw(), Err(EvalError::Empty { .. })));
        assert!(matches!(bars.clone().bar("a", &[]).draw(), Err(EvalError::Empty { .. })));
        let broken = bars.clone().bar("a", &[1.0]).bar("b", &[f64::NAN]).draw();
        assert!(matches!(broken, Err(EvalError::NotANumber { row: 1, .. })));
        assert!(bars.bar("a", &[0.0]).draw().unwrap().picture().is_ok());
    }
}
