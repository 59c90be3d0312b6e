//! Curves over training steps.

use super::axes::Axes;
use super::chart;
use crate::canvas::{Anchor, INK};
use crate::{Drawing, EvalError};

const OPERATION: &str = "curves";

/// Size of one panel in pixels, and of the line above all panels.
pub(super) const PANEL: (u32, u32) = (560, 380);
const TITLE_LINE: u32 = 34;

/// A picture of one or more panels side by side, which share the horizontal axis.
///
/// # Example
/// ```
/// use lzn_eval::plot::{Curves, Panel, Range};
///
/// let loss = (1..200).map(|step| (f64::from(step), 1.0 / f64::from(step).sqrt()));
/// let drawing = Curves::new("training step")
///     .title("Fashion-MNIST, joint training")
///     .panel(Panel::new("loss", "mean squared error").line("flow", loss))
///     .panel(Panel::new("test accuracy", "fraction").range(Range::Fixed(0.0, 1.0)).line("EMA", [(0.0, 0.1), (200.0, 0.8)]))
///     .draw()?;
/// assert_eq!(drawing.width(), 2 * 560);
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    x_label: String,
    title: Option<String>,
    panels: Vec<Panel>,
}

/// One pair of axes with its lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    pub(super) title: String,
    pub(super) y_label: String,
    pub(super) range: Range,
    pub(super) lines: Vec<Line>,
}

/// What the vertical axis shows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Range {
    /// All values but rare extremes, which are cut off at the edge.
    #[default]
    Fitting,
    /// From the first number to the second.
    Fixed(f64, f64),
}

/// A named line. Points that are not finite are gaps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

impl Curves {
    /// An empty picture; `x_label` says what the horizontal axis counts.
    #[must_use]
    pub fn new(x_label: impl Into<String>) -> Self {
        Self { x_label: x_label.into(), title: None, panels: Vec::new() }
    }

    /// Adds a line above all panels.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds a panel at the right.
    #[must_use]
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// Draws the picture. Lines of many points are smoothed, with the points themselves faint behind them.
    ///
    /// # Errors
    /// [`EvalError::Empty`] if there is no panel, or a panel without a finite point; [`EvalError::Setting`] for a fixed
    /// range that is empty.
    pub fn draw(&self) -> Result<Drawing, EvalError> {
        if self.panels.is_empty() {
            return Err(EvalError::Empty { operation: OPERATION });
        }
        self.panels.iter().try_for_each(|panel| Axes::of(panel).map(drop))?;
        let top = if self.title.is_some() { TITLE_LINE } else { 0 };
        let curves = self.clone();
        Ok(Drawing::new((PANEL.0 * self.panels.len() as u32, top + PANEL.1), move |canvas| {
            if let Some(title) = &curves.title {
                canvas.text(title, (chart::MARGIN, TITLE_LINE as i32 / 2 + 4), 19, INK, Anchor::Left, false)?;
            }
            for (index, panel) in curves.panels.iter().enumerate() {
                let corner = ((index as u32 * PANEL.0) as i32, top as i32);
                chart::draw(canvas, corner, PANEL, panel, &curves.x_label)?;
            }
            Ok(())
        }))
    }
}

impl Panel {
    /// A panel without lines; `y_label` says what is measured, with its unit.
    #[must_use]
    pub fn new(title: impl Into<String>, y_label: impl Into<String>) -> Self {
        Self { title: title.into(), y_label: y_label.into(), range: Range::default(), lines: Vec::new() }
    }

    /// Sets what the vertical axis shows.
    #[must_use]
    pub fn range(mut self, range: Range) -> Self {
        self.range = range;
        self
    }

    /// Adds a line through `points` (step, value), in order of their steps.
    #[must_use]
    pub fn line(mut self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.lines.push(Line { name: name.into(), points: points.into_iter().collect() });
        self
    }
}
