//! A confusion matrix as a table of shades.

use plotters::style::{Color, WHITE};

use super::palette::FULL;
use crate::canvas::{self, Anchor, Canvas, INK, SOFT_INK};
use crate::{ConfusionMatrix, Drawing, EvalError};

const OPERATION: &str = "confusion matrix";

const CELL: i32 = 46;
const TITLE: u32 = 18;
const TEXT: u32 = 14;
const SPACE: i32 = 10;
/// More classes than this are shown as shades alone, in smaller cells.
const WRITTEN: usize = 20;
const SMALL_CELL: i32 = 6;

/// What the columns are.
const COLUMNS: &str = "predicted class, in percent of the true class";

/// Draws how the rows of every true class were predicted, in percent of that class.
///
/// `names` are the classes' names; without them, classes are numbered.
///
/// # Errors
/// [`EvalError::Length`] if there is not one name for each class.
pub fn confusion(matrix: &ConfusionMatrix, names: Option<&[String]>) -> Result<Drawing, EvalError> {
    let classes = matrix.counts().nrows();
    let names = match names {
        Some(names) if names.len() == classes => names.to_vec(),
        Some(names) => {
            let (expected, got) = (classes, names.len());
            return Err(EvalError::Length { operation: OPERATION, argument: "names", expected, got });
        }
        None => (0..classes).map(|class| class.to_string()).collect(),
    };
    let written = classes <= WRITTEN;
    let mut label = 0;
    for name in names.iter().filter(|_| written) {
        label = label.max(canvas::text_width(name, TEXT)? as i32);
    }
    let cell = if written { CELL } else { SMALL_CELL };
    let side = cell * classes as i32;
    // Left and above: the axis' name, the classes' names; above all, the title.
    let (left, top) = (label + 3 * SPACE + TEXT as i32, label + 5 * SPACE + TITLE as i32 + TEXT as i32);
    let title = format!("accuracy {:.2} %", 100.0 * matrix.accuracy());
    let text = canvas::text_width(&title, TITLE)?.max(canvas::text_width(COLUMNS, TEXT)?) as i32;
    let width = left + side.max(text) + SPACE;
    let table = Table { matrix: matrix.clone(), corner: (left, top), cell, written };
    Ok(Drawing::new((width as u32, (top + side + SPACE) as u32), move |canvas| {
        canvas.text(&title, (left, SPACE + TITLE as i32 / 2), TITLE, INK, Anchor::Left, false)?;
        let above = 2 * SPACE + TITLE as i32 + TEXT as i32;
        canvas.text(COLUMNS, (left, above), TEXT, SOFT_INK, Anchor::Left, false)?;
        canvas.text("true class", (SPACE + TEXT as i32 / 2, top + side / 2), TEXT, SOFT_INK, Anchor::Middle, true)?;
        table.draw_names(canvas, &names)?;
        table.draw_cells(canvas)
    }))
}

/// The matrix and its place in the picture.
struct Table {
    matrix: ConfusionMatrix,
    corner: (i32, i32),
    cell: i32,
    written: bool,
}

impl Table {
    /// Top left corner of a cell.
    fn place(&self, row: usize, column: usize) -> (i32, i32) {
        (self.corner.0 + column as i32 * self.cell, self.corner.1 + row as i32 * self.cell)
    }

    fn draw_names(&self, canvas: &Canvas<'_>, names: &[String]) -> Result<(), EvalError> {
        for (class, name) in names.iter().enumerate().filter(|_| self.written) {
            let (x, y) = self.place(class, class);
            let half = self.cell / 2;
            canvas.text(name, (self.corner.0 - SPACE, y + half), TEXT, INK, Anchor::Right, false)?;
            canvas.text(name, (x + half, self.corner.1 - SPACE), TEXT, INK, Anchor::Left, true)?;
        }
        Ok(())
    }

    fn draw_cells(&self, canvas: &Canvas<'_>) -> Result<(), EvalError> {
        for (row, counts) in self.matrix.counts().rows().into_iter().enumerate() {
            let total = counts.sum().max(1) as f64;
            for (column, &count) in counts.iter().enumerate() {
                let fraction = count as f64 / total;
                let (x, y) = self.place(row, column);
                let gap = i32::from(self.written);
                // The square root shows rare confusions, which are what one looks for.
                let shade = FULL.mix(0.04 + 0.96 * fraction.sqrt());
                canvas.fill((x, y), (x + self.cell - gap, y + self.cell - gap), shade)?;
                if self.written && count > 0 {
                    let ink = if fraction > 0.2 { WHITE } else { INK };
                    let middle = (x + self.cell / 2, y + self.cell / 2);
                    canvas.text(&percent(fraction), middle, TEXT, ink, Anchor::Middle, false)?;
                }
            }
        }
        Ok(())
    }
}

/// A share in percent: whole above 1, with a digit below.
fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    if percent >= 0.95 { format!("{percent:.0}") } else { format!("{percent:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Confusion, Metric};

    fn matrix(classes: usize, predicted: &[i64], labels: &[i64]) -> ConfusionMatrix {
        let mut metric = Confusion::new(classes).unwrap();
        metric.update((predicted, labels)).unwrap();
        metric.finish().unwrap()
    }

    #[test]
    fn shades_stand_for_the_share_of_the_true_class() {
        let matrix = matrix(3, &[0, 0, 1, 2], &[0, 0, 0, 2]);
        let picture = confusion(&matrix, None).unwrap().picture().unwrap();
        let table_corner = |label: i32| (label + 3 * SPACE + TEXT as i32, picture.height() as i32 - SPACE - 3 * CELL);
        let (left, top) = table_corner(canvas::text_width("0", TEXT).unwrap() as i32);
        // At the corner of a cell, where no number is.
        let shade = |row: i32, column: i32| {
            picture.pixel((left + column * CELL + 3) as u32, (top + row * CELL + 3) as u32).unwrap()
        };
        let darkness = |row, column| 255 - i32::from(shade(row, column)[0]);
        assert!(darkness(0, 0) > darkness(0, 1) && darkness(0, 1) > darkness(0, 2));
        assert_eq!(shade(2, 2), [FULL.0, FULL.1, FULL.2], "all of class 2");
        assert_eq!(shade(1, 0), shade(1, 1), "a class that did not occur");
    }

    #[test]
    fn many_classes_make_a_small_picture() {
        let labels: Vec<_> = (0..100).collect();
        let picture = confusion(&matrix(100, &labels, &labels), None).unwrap();
        assert!(picture.width() < 800 && picture.height() < 800);
    }

    #[test]
    fn every_class_needs_a_name() {
        let error = confusion(&matrix(2, &[0], &[0]), Some(&["shoe".to_owned()])).unwrap_err();
        assert!(matches!(error, EvalError::Length { expected: 2, got: 1, .. }), "{error}");
    }
}
