//! Points of classes on a plane, over the zones that decide their class.

use ndarray::{Array2, ArrayView2};
use plotters::prelude::*;

use super::axes::{Axes, fixed};
use super::chart::{AROUND, Chart, Frame, TEXT, place};
use super::palette::class_color;
use crate::canvas::{Canvas, drawing, scaled, unscaled};
use crate::confusion::check_classes;
use crate::finite::check_finite;
use crate::{Drawing, EvalError};

const OPERATION: &str = "scatter";

/// Size of the whole drawing in pixels, without its legend.
const SIZE: (u32, u32) = (640, 560);

/// Radius of a point in pixels.
const RADIUS: i32 = 3;

/// How strong the colours of points and of zones are.
const POINT: f64 = 0.8;
const ZONE: f64 = 0.22;

/// More points than this are not drawn: they would hide each other.
const ENOUGH: usize = 2500;

/// A map of points `[N, 2]`, coloured by class, over zones coloured by the class that decides there.
///
/// # Example
/// ```
/// use lzn_eval::plot::{Scatter, ZoneMap};
/// use ndarray::array;
///
/// let names = ["left".to_owned(), "right".to_owned()];
/// let points = array![[-1.0, 0.2], [1.5, -0.3], [0.7, 0.1]];
/// // What a model decides at the centre of every cell.
/// let zones = ZoneMap::decided((-2.0, 2.0), (-1.0, 1.0), (20, 40), |centres| {
///     Ok::<_, lzn_eval::EvalError>(centres.column(0).iter().map(|&x| i64::from(x > 0.0)).collect())
/// })?;
/// let drawing = Scatter::new("latents", &names, points.view(), &[0, 1, 1])?.zones(zones)?.draw()?;
/// assert!(drawing.to_svg()?.contains("right"));
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scatter {
    title: String,
    labels: (String, String),
    classes: Vec<String>,
    points: Vec<(f64, f64, usize)>,
    zones: Option<ZoneMap>,
}

/// A range of an axis, from the lower to the higher number.
pub type Span = (f64, f64);

/// Which class decides in every cell of a grid over a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneMap {
    x: Span,
    y: Span,
    decisions: Array2<i64>,
}

impl ZoneMap {
    /// Asks `decide` for the class at the centre of each cell of a grid of `(rows, columns)` over the ranges `x` and `y`. It
    /// is given all centres at once, `[rows * columns, 2]`, row by row from the lowest `y`.
    ///
    /// # Errors
    /// Those of `decide`.
    pub fn decided<E>(
        x: Span,
        y: Span,
        (rows, columns): (usize, usize),
        decide: impl FnOnce(&Array2<f64>) -> Result<Vec<i64>, E>,
    ) -> Result<Self, E> {
        let middle =
            |(low, high): Span, index: usize, count: usize| low + (high - low) * (index as f64 + 0.5) / count as f64;
        let centres = Array2::from_shape_fn((rows * columns, 2), |(cell, axis)| match axis {
            0 => middle(x, cell % columns, columns),
            _ => middle(y, cell / columns, rows),
        });
        let mut decisions = decide(&centres)?.into_iter();
        // A class that is missing is none of the classes, which `Scatter::zones` refuses.
        let decisions = Array2::from_shape_simple_fn((rows, columns), || decisions.next().unwrap_or(-1));
        Ok(Self { x, y, decisions })
    }
}

impl Scatter {
    /// A map of `points` `[N, 2]` with their classes `labels` `[N]`; `classes` are the names of all classes.
    ///
    /// # Errors
    /// [`EvalError::Setting`] if points do not have two coordinates, [`EvalError::Length`] if there is not one label for each,
    /// [`EvalError::Class`] for a label that is no class, [`EvalError::NotANumber`] for a coordinate that is not finite.
    pub fn new(
        title: impl Into<String>,
        classes: &[String],
        points: ArrayView2<'_, f64>,
        labels: &[i64],
    ) -> Result<Self, EvalError> {
        if points.ncols() != 2 {
            let (argument, rule) = ("points", "of two coordinates");
            return Err(EvalError::Setting { operation: OPERATION, argument, rule, got: points.ncols().to_string() });
        }
        if points.nrows() != labels.len() {
            let (expected, got) = (labels.len(), points.nrows());
            return Err(EvalError::Length { operation: OPERATION, argument: "points", expected, got });
        }
        check_classes(OPERATION, labels, classes.len())?;
        check_finite(OPERATION, points)?;
        let points = points.rows().into_iter().zip(labels).map(|(row, &label)| (row[0], row[1], label as usize));
        let labels = (String::new(), String::new());
        Ok(Self { title: title.into(), labels, classes: classes.to_vec(), points: points.collect(), zones: None })
    }

    /// Names the axes.
    #[must_use]
    pub fn axes(mut self, x: impl Into<String>, y: impl Into<String>) -> Self {
        self.labels = (x.into(), y.into());
        self
    }

    /// Puts zones behind the points; the axes then show what the zones cover.
    ///
    /// # Errors
    /// [`EvalError::Setting`] for a range that is empty, [`EvalError::Class`] for a decision that is no class.
    pub fn zones(mut self, zones: ZoneMap) -> Result<Self, EvalError> {
        fixed(OPERATION, zones.x.0, zones.x.1)?;
        fixed(OPERATION, zones.y.0, zones.y.1)?;
        check_classes(OPERATION, &zones.decisions.iter().copied().collect::<Vec<_>>(), self.classes.len())?;
        self.zones = Some(zones);
        Ok(self)
    }

    /// The ranges that its axes show, `(x, y)`, for a [`ZoneMap`] that covers them.
    ///
    /// # Errors
    /// [`EvalError::Empty`] without points.
    pub fn ranges(&self) -> Result<(Span, Span), EvalError> {
        let axes = self.own_axes()?;
        Ok(((axes.x.start, axes.x.end), (axes.y.start, axes.y.end)))
    }

    /// Draws the map; of more than 2,500 points, evenly spaced ones.
    ///
    /// # Errors
    /// [`EvalError::Empty`] without points and zones.
    pub fn draw(&self) -> Result<Drawing, EvalError> {
        let axes = match &self.zones {
            Some(zones) => Axes { x: zones.x.0..zones.x.1, y: zones.y.0..zones.y.1, numbered: true },
            None => self.own_axes()?,
        };
        let map = self.clone();
        let legend: Vec<_> = map.classes.iter().cloned().zip((0..).map(class_color)).collect();
        let size = (SIZE.0, SIZE.1 + map.frame(&legend, &axes).head(SIZE.0)? as u32);
        Ok(Drawing::new(size, move |canvas| {
            let mut chart = map.frame(&legend, &axes).draw(canvas, (0, 0), size)?;
            map.draw_zones(canvas, &chart)?;
            let shown = |point: &&(f64, f64, usize)| axes.x.contains(&point.0) && axes.y.contains(&point.1);
            map.draw_points(&mut chart, shown)?;
            map.draw_names(canvas, &chart, shown)
        }))
    }

    fn own_axes(&self) -> Result<Axes, EvalError> {
        let inner = (SIZE.0 as i32 - AROUND.0, SIZE.1 as i32 - AROUND.1);
        let points = self.points.iter().map(|&(x, y, _)| (x, y));
        Axes::around(points, inner).ok_or(EvalError::Empty { operation: OPERATION })
    }

    fn frame<'a>(&'a self, legend: &'a [(String, RGBColor)], axes: &'a Axes) -> Frame<'a> {
        Frame { title: &self.title, legend, x_label: &self.labels.0, y_label: &self.labels.1, axes }
    }

    /// Neighbouring cells of one class in a row are one rectangle.
    fn draw_zones(&self, canvas: &Canvas<'_>, chart: &Chart<'_>) -> Result<(), EvalError> {
        let Some(ZoneMap { x, y, decisions }) = &self.zones else { return Ok(()) };
        let (rows, columns) = decisions.dim();
        let edge = |(low, high): Span, index: usize, count: usize| low + (high - low) * index as f64 / count as f64;
        for (row, classes) in decisions.rows().into_iter().enumerate() {
            let mut start = 0;
            for run in classes.to_vec().chunk_by(|left, right| left == right) {
                let end = start + run.len();
                let (left, bottom) = place(chart, (edge(*x, start, columns), edge(*y, row, rows)));
                let (right, top) = place(chart, (edge(*x, end, columns), edge(*y, row + 1, rows)));
                canvas.fill_fine((left, top), (right, bottom), class_color(run[0] as usize).mix(ZONE))?;
                start = end;
            }
        }
        Ok(())
    }

    fn draw_points(&self, chart: &mut Chart<'_>, shown: impl Fn(&&(f64, f64, usize)) -> bool) -> Result<(), EvalError> {
        let points = self.points.iter().step_by(self.points.len().div_ceil(ENOUGH).max(1)).filter(shown);
        let dots =
            points.map(|&(x, y, class)| Circle::new((x, y), scaled(RADIUS), class_color(class).mix(POINT).filled()));
        chart.draw_series(dots).map(drop).map_err(drawing)
    }

    /// The name of each class in the middle of its points, for those who cannot tell the colours apart.
    fn draw_names(
        &self,
        canvas: &Canvas<'_>,
        chart: &Chart<'_>,
        shown: impl Fn(&&(f64, f64, usize)) -> bool,
    ) -> Result<(), EvalError> {
        for (class, name) in self.classes.iter().enumerate() {
            let own = || self.points.iter().filter(&shown).filter(move |point| point.2 == class);
            let middle = median(own().map(|point| point.0)).zip(median(own().map(|point| point.1)));
            let Some(middle) = middle else { continue };
            canvas.text_on_paper(name, unscaled(place(chart, middle)), TEXT)?;
        }
        Ok(())
    }
}

/// The lower of the two middle values, or the middle one.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::canvas::tint;

    fn names() -> Vec<String> {
        ["left", "right"].map(str::to_owned).to_vec()
    }

    /// Left of 0 is class 0, right of it class 1.
    fn halves() -> ZoneMap {
        ZoneMap::decided((-1.0, 1.0), (-1.0, 1.0), (4, 4), |centres| {
            Ok::<_, EvalError>(centres.column(0).iter().map(|&x| i64::from(x > 0.0)).collect())
        })
        .unwrap()
    }

    #[test]
    fn zones_lie_where_their_class_decides_and_points_on_top() {
        let points = array![[-0.5, 0.5], [0.5, -0.5]];
        let map = Scatter::new("map", &names(), points.view(), &[1, 0]).unwrap().zones(halves()).unwrap();
        let picture = map.draw().unwrap().picture().unwrap();
        // Every row that crosses both zones has class 0 left of class 1, and as much of the one as of the other.
        let zones = [0, 1].map(|class| tint(class_color(class), ZONE)).map(|color| [color.0, color.1, color.2]);
        // Blending on the bitmap rounds in its own way.
        let same =
            |left: [u8; 3], right: [u8; 3]| left.iter().zip(right).all(|(left, right)| left.abs_diff(right) <= 1);
        let mut counts = [0usize; 2];
        for y in 0..picture.height() {
            let mut seen = Vec::new();
            for x in 0..picture.width() {
                if let Some(class) = zones.iter().position(|color| same(picture.pixel(x, y).unwrap(), *color)) {
                    counts[class] += 1;
                    seen.push(class);
                }
            }
            assert!(seen.is_sorted(), "row {y}");
        }
        assert!(counts[0] > 50_000 && counts[0].abs_diff(counts[1]) < counts[0] / 50, "{counts:?}");
        // The point of class 1 is in the upper left quarter, that of class 0 in the lower right one.
        let svg = map.draw().unwrap().to_svg().unwrap();
        let circles: Vec<_> = svg.lines().filter(|line| line.starts_with("<circle")).collect();
        assert_eq!(circles.len(), 2);
        let number = |line: &str, name: &str| -> f64 {
            let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        };
        let color = |class: usize| {
            let RGBColor(red, green, blue) = class_color(class);
            format!("fill=\"#{red:02X}{green:02X}{blue:02X}\"")
        };
        assert!(circles[0].contains(&color(1)) && circles[1].contains(&color(0)));
        assert!(
            number(circles[0], "cx") < number(circles[1], "cx") && number(circles[0], "cy") < number(circles[1], "cy")
        );
    }

    #[test]
    fn both_axes_have_the_same_unit() {
        let points = array![[0.0, 0.0], [10.0, 1.0]];
        let map = Scatter::new("map", &names(), points.view(), &[0, 1]).unwrap();
        let ((left, right), (low, high)) = map.ranges().unwrap();
        let unit = (right - left) / f64::from(SIZE.0 as i32 - AROUND.0);
        assert!((unit - (high - low) / f64::from(SIZE.1 as i32 - AROUND.1)).abs() < 1e-9 * unit);
        assert!(left < 0.0 && right > 10.0 && low < 0.0 && high > 1.0);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        let points = array![[0.0, 0.0], [1.0, f64::NAN]];
        let new = |points: ArrayView2<'_, f64>, labels: &[i64]| Scatter::new("map", &names(), points, labels);
        let two = points.slice(ndarray::s![..1, ..]);
        assert!(matches!(new(points.view(), &[0, 1]), Err(EvalError::NotANumber { row: 1, .. })));
        assert!(matches!(new(two, &[0, 1]), Err(EvalError::Length { .. })));
        assert!(matches!(new(two, &[2]), Err(EvalError::Class { class: 2, .. })));
        assert!(matches!(new(points.slice(ndarray::s![.., ..1]), &[0, 1]), Err(EvalError::Setting { .. })));
        assert!(matches!(new(points.slice(ndarray::s![..0, ..]), &[]).unwrap().draw(), Err(EvalError::Empty { .. })));
        let short = ZoneMap::decided((0.0, 1.0), (0.0, 1.0), (2, 2), |_| Ok::<_, EvalError>(vec![0])).unwrap();
        assert!(matches!(new(two, &[0]).unwrap().zones(short), Err(EvalError::Class { class: -1, .. })));
        let empty = ZoneMap { x: (1.0, 1.0), ..halves() };
        assert!(matches!(new(two, &[0]).unwrap().zones(empty), Err(EvalError::Setting { .. })));
    }
}
