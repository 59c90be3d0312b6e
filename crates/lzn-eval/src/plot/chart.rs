//! One pair of axes.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::axes::{Axes, tick};
use super::curves::{Line, Panel};
use super::smooth::{smoothed, thinned};
use crate::EvalError;
use crate::canvas::{self, Anchor, Canvas, INK, MESH, SOFT_INK, drawing, scaled, tint};

/// Space at the left of titles.
pub(super) const MARGIN: i32 = 16;

const TITLE: u32 = 16;
const TEXT: u32 = 13;
/// Height of the title and of the legend below it.
const HEAD: (i32, i32) = (30, 24);

/// Colours that people with any kind of colour vision tell apart (Okabe and Ito, "Color universal design", 2008), the
/// dark ones first.
pub(super) const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Draws a panel of `size` pixels at `corner`.
pub(super) fn draw(
    canvas: &Canvas<'_>,
    corner: (i32, i32),
    size: (u32, u32),
    panel: &Panel,
    x_label: &str,
) -> Result<(), EvalError> {
    let axes = Axes::of(panel)?;
    canvas.text(&panel.title, (corner.0 + MARGIN, corner.1 + HEAD.0 / 2 + 4), TITLE, INK, Anchor::Left, false)?;
    legend(canvas, (corner.0 + MARGIN, corner.1 + HEAD.0 + HEAD.1 / 2), panel)?;
    let top = corner.1 + HEAD.0 + HEAD.1;
    let area = canvas
        .area()
        .clone()
        .shrink((scaled(corner.0), scaled(top)), (scaled(size.0 as i32), scaled(size.1 as i32 - HEAD.0 - HEAD.1)));
    plot(&area, panel, x_label, &axes)
}

/// Names of the lines in a row, each behind a piece of its colour.
fn legend(canvas: &Canvas<'_>, (mut x, y): (i32, i32), panel: &Panel) -> Result<(), EvalError> {
    for (line, color) in panel.lines.iter().zip(COLORS.iter().cycle()) {
        canvas.fill((x, y - 1), (x + 18, y + 2), *color)?;
        canvas.text(&line.name, (x + 24, y), TEXT, SOFT_INK, Anchor::Left, false)?;
        x += 24 + canvas::text_width(&line.name, TEXT)? as i32 + 20;
    }
    Ok(())
}

/// Axes and lines.
fn plot(
    area: &DrawingArea<BitMapBackend<'_>, Shift>,
    panel: &Panel,
    x_label: &str,
    axes: &Axes,
) -> Result<(), EvalError> {
    let mut chart = ChartBuilder::on(area)
        .margin_right(scaled(20))
        .margin_top(scaled(6))
        .margin_left(scaled(10))
        .margin_bottom(scaled(6))
        .x_label_area_size(scaled(42))
        .y_label_area_size(scaled(62))
        .build_cartesian_2d(axes.x.clone(), axes.y.clone())
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(MESH.stroke_width(scaled(1) as u32))
        .axis_style(SOFT_INK.stroke_width(scaled(1) as u32))
        .set_all_tick_mark_size(scaled(4))
        .x_labels(6)
        .y_labels(8)
        .x_label_formatter(&|value| tick(*value, axes.x.end - axes.x.start))
        .y_label_formatter(&|value| tick(*value, axes.y.end - axes.y.start))
        .label_style(canvas::style(TEXT).color(&SOFT_INK))
        .axis_desc_style(canvas::style(TEXT).color(&SOFT_INK))
        .x_desc(x_label)
        .y_desc(&panel.y_label)
        .draw()
        .map_err(drawing)?;
    let mut pieces = Vec::new();
    for (line, &color) in panel.lines.iter().zip(COLORS.iter().cycle()) {
        let (faint, strong) = strokes(line, color);
        pieces.splice(0..0, faint);
        pieces.extend(strong);
    }
    for (points, style) in pieces {
        let inside: Vec<_> = points.into_iter().map(|(x, y)| (x, y.clamp(axes.y.start, axes.y.end))).collect();
        // Every piece by itself, with round joints: the library's own joints are spikes where a thick line turns sharply.
        let segments = inside.windows(2).map(|ends| PathElement::new(ends.to_vec(), style));
        chart.draw_series(segments).map_err(drawing)?;
        let joints = inside.iter().map(|&point| Circle::new(point, style.stroke_width as i32 / 2, style.filled()));
        chart.draw_series(joints).map_err(drawing)?;
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
                faint.push((thinned(piece), tint(color, 0.3).stroke_width(scaled(1) as u32)));
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
        let picture = Curves::new("step").panel(panel).draw().unwrap();
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
            count(&Curves::new("step").panel(Panel::new("loss", "nats").line("a", points)).draw().unwrap(), COLORS[0])
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
    fn a_single_point_can_be_drawn() {
        let picture = Curves::new("step").panel(Panel::new("loss", "nats").line("a", [(1.0, 3.0)])).draw();
        assert!(picture.is_ok());
    }
}
