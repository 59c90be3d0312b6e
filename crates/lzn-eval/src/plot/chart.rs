//! One pair of axes.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::axes::{Axes, tick};
use super::curves::{Line, Panel};
use super::palette::COLORS;
use super::smooth::{smoothed, thinned};
use crate::EvalError;
use crate::canvas::{self, Anchor, Canvas, INK, MESH, SOFT_INK, Surface, drawing, scaled};

/// Space at the left of titles.
pub(super) const MARGIN: i32 = 16;

pub(super) const TITLE: u32 = 16;
pub(super) const TEXT: u32 = 13;
/// Height of the title, and of each row of the legend below it.
const TITLE_ROW: i32 = 30;
const LEGEND_ROW: i32 = 24;
/// Width of a legend's piece of colour with the space behind it, and of the space behind a name.
const SWATCH: i32 = 24;
const LEGEND_GAP: i32 = 20;
/// What the axes take of the width and the height, with the space around them.
pub(super) const AROUND: (i32, i32) = (62 + 10 + 20, 42 + 6 + 6);

/// Axes on which to draw.
pub(super) type Chart<'a> = ChartContext<'a, Surface<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What surrounds a chart.
pub(super) struct Frame<'a> {
    pub(super) title: &'a str,
    pub(super) legend: &'a [(String, RGBColor)],
    pub(super) x_label: &'a str,
    pub(super) y_label: &'a str,
    pub(super) axes: &'a Axes,
}

impl Frame<'_> {
    /// Height of the title and the legend in a frame `width` pixels wide.
    pub(super) fn head(&self, width: u32) -> Result<i32, EvalError> {
        Ok(self.places(width)?.last().map_or(TITLE_ROW, |last| last.1 + LEGEND_ROW / 2))
    }

    /// Draws everything around the chart, with the numbers along its axes, in `size` pixels at `corner`.
    pub(super) fn draw<'a>(
        &self,
        canvas: &Canvas<'a>,
        corner: (i32, i32),
        size: (u32, u32),
    ) -> Result<Chart<'a>, EvalError> {
        canvas.text(self.title, (corner.0 + MARGIN, corner.1 + TITLE_ROW / 2 + 4), TITLE, INK, Anchor::Left, false)?;
        for ((name, color), (x, y)) in self.legend.iter().zip(self.places(size.0)?) {
            let (x, y) = (corner.0 + x, corner.1 + y);
            canvas.fill((x, y - 1), (x + SWATCH - 6, y + 2), color)?;
            canvas.text(name, (x + SWATCH, y), TEXT, SOFT_INK, Anchor::Left, false)?;
        }
        let head = self.head(size.0)?;
        let top = (scaled(corner.0), scaled(corner.1 + head));
        let area = canvas.area().clone().shrink(top, (scaled(size.0 as i32), scaled(size.1 as i32 - head)));
        self.mesh(&area)
    }

    /// Where each name of the legend begins: side by side, in as many rows as it takes.
    fn places(&self, width: u32) -> Result<Vec<(i32, i32)>, EvalError> {
        let (mut x, mut y) = (MARGIN, TITLE_ROW + LEGEND_ROW / 2);
        let mut places = Vec::with_capacity(self.legend.len());
        for (name, _) in self.legend {
            let step = SWATCH + canvas::text_width(name, TEXT)? as i32;
            if x > MARGIN && x + step > width as i32 {
                (x, y) = (MARGIN, y + LEGEND_ROW);
            }
            places.push((x, y));
            x += step + LEGEND_GAP;
        }
        Ok(places)
    }

    fn mesh<'a>(&self, area: &canvas::Area<'a>) -> Result<Chart<'a>, EvalError> {
        let axes = self.axes;
        let mut chart = ChartBuilder::on(area)
            .margin_right(scaled(20))
            .margin_top(scaled(6))
            .margin_left(scaled(10))
            .margin_bottom(scaled(6))
            .x_label_area_size(scaled(42))
            .y_label_area_size(scaled(62))
            .build_cartesian_2d(axes.x.clone(), axes.y.clone())
            .map_err(drawing)?;
        // About one number in so many pixels of height.
        let numbers = (area.dim_in_pixel().1 as i32 / scaled(40)).clamp(2, 8);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(MESH.stroke_width(scaled(1) as u32))
            .axis_style(SOFT_INK.stroke_width(scaled(1) as u32))
            .set_all_tick_mark_size(scaled(4))
            .x_labels(if axes.numbered { 6 } else { 0 })
            .y_labels(numbers as usize)
            .x_label_formatter(&|value| tick(*value, axes.x.end - axes.x.start))
            .y_label_formatter(&|value| tick(*value, axes.y.end - axes.y.start))
            .label_style(canvas::style(TEXT).color(&SOFT_INK))
            .axis_desc_style(canvas::style(TEXT).color(&SOFT_INK))
            .x_desc(self.x_label)
            .y_desc(self.y_label)
            .draw()
            .map_err(drawing)?;
        Ok(chart)
    }
}

/// Where a value is on the canvas, in the library's pixels.
pub(super) fn place(chart: &Chart<'_>, value: (f64, f64)) -> (i32, i32) {
    chart.plotting_area().map_coordinate(&value)
}

/// Draws a panel of `size` pixels at `corner`.
pub(super) fn draw(
    canvas: &Canvas<'_>,
    corner: (i32, i32),
    size: (u32, u32),
    panel: &Panel,
    x_label: &str,
) -> Result<(), EvalError> {
    let axes = Axes::of(panel)?;
    let colors = || COLORS.into_iter().cycle();
    let legend: Vec<_> = panel.lines.iter().map(|line| line.name.clone()).zip(colors()).collect();
    let frame = Frame { title: &panel.title, legend: &legend, x_label, y_label: &panel.y_label, axes: &axes };
    let mut chart = frame.draw(canvas, corner, size)?;
    let mut pieces = Vec::new();
    for (line, color) in panel.lines.iter().zip(colors()) {
        let (faint, strong) = strokes(line, color);
        pieces.splice(0..0, faint);
        pieces.extend(strong);
    }
    for (points, style) in pieces {
        let inside: Vec<_> = points.into_iter().map(|(x, y)| (x, y.clamp(axes.y.start, axes.y.end))).collect();
        match inside[..] {
            [alone] => chart.draw_series([Circle::new(alone, scaled(3), style.filled())]).map(drop),
            _ => chart.draw_series([PathElement::new(inside, style)]).map(drop),
        }
        .map_err(drawing)?;
    }
    Ok(())
}

type Stroke = (Vec<(f64, f64)>, ShapeStyle);

/// The strokes of a line: faint ones for the points themselves where there is a smoothed line to draw on top.
fn strokes(line: &Line, color: RGBColor) -> (Vec<Stroke>, Vec<Stroke>) {
    let (mut faint, mut strong) = (Vec::new(), Vec::new());
    let width = scaled(2) as u32;
    for piece in line.points.split(|(x, y)| !x.is_finite() || !y.is_finite()).filter(|piece| !piece.is_empty()) {
        let values: Vec<_> = piece.iter().map(|point| point.1).collect();
        match smoothed(&values) {
            Some(smooth) => {
                faint.push((thinned(piece), color.mix(0.3).stroke_width(scaled(1) as u32)));
                let points = smooth.into_iter().map(|(index, value)| (piece[index].0, value)).collect();
                strong.push((points, color.stroke_width(width)));
            }
            None => strong.push((piece.to_vec(), color.stroke_width(width))),
        }
    }
    (faint, strong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Picture;
    use crate::canvas::tint;
    use crate::plot::{Curves, Range};

    fn count(picture: &Picture, color: RGBColor) -> usize {
        let color = [color.0, color.1, color.2];
        (0..picture.height())
            .flat_map(|y| (0..picture.width()).map(move |x| (x, y)))
            .filter(|&(x, y)| picture.pixel(x, y) == Some(color))
            .count()
    }

    /// A falling curve with noise that needs no generator.
    fn noisy(count: u32, height: f64) -> impl Iterator<Item = (f64, f64)> {
        (0..count).map(move |step| {
            let step = f64::from(step);
            (step, height * (1.0 + 20.0 / (step + 20.0) + 0.2 * (step * step).sin()))
        })
    }

    #[test]
    fn every_line_is_drawn_in_its_colour_with_its_points_faint_behind() {
        let mut panel = Panel::new("loss", "nats");
        for line in 0..COLORS.len() {
            panel = panel.line(format!("line {line}"), noisy(500, 1.0 + line as f64));
        }
        let picture = Curves::new("step").panel(panel).draw().unwrap().picture().unwrap();
        for color in COLORS {
            // The piece in the legend alone is 18 by 3.
            assert!(count(&picture, color) > 2 * 18 * 3, "{color:?}");
            assert!(count(&picture, tint(color, 0.3)) > 50, "{color:?} faint");
        }
    }

    #[test]
    fn few_points_are_drawn_as_they_are() {
        let points: Vec<_> = noisy(10, 1.0).collect();
        let (faint, strong) = strokes(&Line { name: "test".to_owned(), points: points.clone() }, COLORS[0]);
        assert!(faint.is_empty());
        assert_eq!(strong.len(), 1);
        assert_eq!(strong[0].0, points);
    }

    #[test]
    fn gaps_are_not_bridged() {
        let gap = [(0.0, 1.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, f64::INFINITY), (98.0, 1.0), (100.0, 1.0)];
        let solid = gap.map(|(x, y)| (x, if y.is_finite() { y } else { 1.0 }));
        let [with, without] = [gap, solid].map(|points| {
            let drawing = Curves::new("step").panel(Panel::new("loss", "nats").line("a", points)).draw().unwrap();
            count(&drawing.picture().unwrap(), COLORS[0])
        });
        assert!(with * 2 < without, "{with} of {without} pixels");
    }

    #[test]
    fn nothing_to_draw_and_empty_ranges_are_refused() {
        let nothing = Curves::new("step").panel(Panel::new("loss", "nats").line("a", [(1.0, f64::NAN)]));
        assert!(matches!(nothing.draw(), Err(EvalError::Empty { .. })));
        assert!(matches!(Curves::new("step").draw(), Err(EvalError::Empty { .. })));
        let empty = Panel::new("loss", "nats").range(Range::Fixed(1.0, 1.0)).line("a", [(1.0, 1.0)]);
        assert!(matches!(Curves::new("step").panel(empty).draw(), Err(EvalError::Setting { .. })));
    }

    #[test]
    fn a_single_point_is_drawn_as_a_dot() {
        let drawing = Curves::new("step").panel(Panel::new("loss", "nats").line("a", [(1.0, 3.0)])).draw().unwrap();
        assert_eq!(drawing.to_svg().unwrap().matches("<circle").count(), 1);
        assert!(drawing.picture().is_ok());
    }
}
