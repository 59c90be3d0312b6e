//! Images side by side, pixel for pixel.

mod panels;

use image::{Rgb, RgbImage};
use ndarray::{ArrayView3, ArrayView4, Axis};

use crate::canvas::{self, Anchor, INK, SOFT_INK};
use crate::drawing::Tile;
use crate::{Drawing, EvalError};
pub use panels::{Neighbours, neighbours, reconstructions};

const OPERATION: &str = "image grid";

/// Height of labels, of captions and of the title, and the space around text, in pixels.
const TEXT: u32 = 15;
const SMALL: u32 = 11;
const TITLE: u32 = 18;
const SPACE: u32 = 10;

/// Space between groups of rows or columns, in place of the gap.
const GROUP: u32 = 14;

/// How a grid looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridOptions<'a> {
    /// White pixels between images and around them.
    pub gap: u32,
    /// Every pixel becomes a square of `scale` times `scale` equal pixels.
    pub scale: u32,
    /// A name at the left of every row, such as the class.
    pub row_labels: Option<&'a [String]>,
    /// A name above every column, such as the weight of an interpolation.
    pub column_labels: Option<&'a [String]>,
    /// A line below every image, such as a distance.
    pub captions: Option<&'a [String]>,
    /// More space after every so many rows; 0 for none.
    pub rows_together: usize,
    /// More space after the first so many columns; 0 for none.
    pub columns_apart: usize,
    /// A line above all.
    pub title: Option<&'a str>,
}

impl Default for GridOptions<'_> {
    fn default() -> Self {
        Self {
            gap: 2,
            scale: 1,
            row_labels: None,
            column_labels: None,
            captions: None,
            rows_together: 0,
            columns_apart: 0,
            title: None,
        }
    }
}

impl GridOptions<'_> {
    /// The options for images of `size` pixels a side that make a picture easy to look at: small images are
    /// shown at 56 pixels or more.
    #[must_use]
    pub fn for_size(size: u32) -> Self {
        Self { scale: 56u32.div_ceil(size.max(1)), ..Self::default() }
    }
}

/// Lays out images row by row, `columns` in a row; the last row may be shorter.
///
/// # Shapes
/// `images: [n, channels, height, width]`, values 0 to 255; 1 channel (grey) or 3 (red, green, blue).
///
/// # Errors
/// [`EvalError::Empty`] without images; [`EvalError::Setting`] if `columns` or `scale` is 0, if there are neither 1 nor
/// 3 channels, or if there are labels but not one for every row, column or image.
pub fn image_grid(images: ArrayView4<'_, u8>, columns: usize, options: &GridOptions<'_>) -> Result<Drawing, EvalError> {
    let rows = check(images, columns, options)?;
    let columns = columns.min(images.dim().0);
    let frame = Frame::new(images, columns, rows, options)?;
    let tiles = images.outer_iter().enumerate().map(|(index, image)| Tile {
        corner: frame.corner(index / columns, index % columns),
        scale: options.scale,
        image: picture(image),
    });
    let tiles = tiles.collect();
    let texts = texts(&frame, columns, options);
    let drawing = Drawing::new((frame.width, frame.height), move |canvas| {
        texts.iter().try_for_each(|text| {
            let color = if text.size == SMALL { SOFT_INK } else { INK };
            canvas.text(&text.text, text.at, text.size, color, text.anchor, false)
        })
    });
    Ok(drawing.with_tiles(tiles))
}

/// A piece of text and its place.
struct Text {
    text: String,
    at: (i32, i32),
    size: u32,
    anchor: Anchor,
}

/// All that is written around the images.
fn texts(frame: &Frame, columns: usize, options: &GridOptions<'_>) -> Vec<Text> {
    let text = |text: &str, (x, y): (u32, u32), size, anchor| Text {
        text: text.to_owned(),
        at: (x as i32, y as i32),
        size,
        anchor,
    };
    let (width, height) = frame.cell;
    let title = options.title.map(|title| text(title, (frame.left, SPACE + TITLE / 2), TITLE, Anchor::Left));
    let rows = options.row_labels.into_iter().flatten().enumerate().map(|(row, label)| {
        let (x, y) = frame.corner(row, 0);
        text(label, (x - SPACE, y + height / 2), TEXT, Anchor::Right)
    });
    let above = options.column_labels.into_iter().flatten().enumerate().map(|(column, label)| {
        let (x, y) = frame.corner(0, column);
        text(label, (x + width / 2, y - SPACE), SMALL, Anchor::Middle)
    });
    let below = options.captions.into_iter().flatten().enumerate().map(|(index, caption)| {
        let (x, y) = frame.corner(index / columns, index % columns);
        text(caption, (x + width / 2, y + height + SMALL / 2 + 3), SMALL, Anchor::Middle)
    });
    title.into_iter().chain(rows).chain(above).chain(below).collect()
}

/// Checks everything and returns the number of rows.
fn check(images: ArrayView4<'_, u8>, columns: usize, options: &GridOptions<'_>) -> Result<usize, EvalError> {
    let refuse = |argument, rule, got: usize| {
        Err(EvalError::Setting { operation: OPERATION, argument, rule, got: got.to_string() })
    };
    let (count, channels, _, _) = images.dim();
    if images.is_empty() {
        return Err(EvalError::Empty { operation: OPERATION });
    }
    if columns == 0 {
        return refuse("columns", "at least 1", columns);
    }
    if options.scale == 0 {
        return refuse("scale", "at least 1", 0);
    }
    if channels != 1 && channels != 3 {
        return refuse("channels", "1 or 3", channels);
    }
    let rows = count.div_ceil(columns);
    let labels = [
        ("row_labels", "one for each row of the grid", options.row_labels, rows),
        ("column_labels", "one for each column of the grid", options.column_labels, columns.min(count)),
        ("captions", "one for each image", options.captions, count),
    ];
    for (argument, rule, labels, wanted) in labels {
        if let Some(labels) = labels.filter(|labels| labels.len() != wanted) {
            return refuse(argument, rule, labels.len());
        }
    }
    Ok(rows)
}

/// Where everything is, in pixels.
struct Frame {
    left: u32,
    top: u32,
    cell: (u32, u32),
    gap: u32,
    /// Height of a caption.
    caption: u32,
    rows_together: usize,
    columns_apart: usize,
    width: u32,
    height: u32,
}

impl Frame {
    fn new(
        images: ArrayView4<'_, u8>,
        columns: usize,
        rows: usize,
        options: &GridOptions<'_>,
    ) -> Result<Self, EvalError> {
        let (_, _, height, width) = images.dim();
        let cell = (width as u32 * options.scale, height as u32 * options.scale);
        let gap = options.gap;
        let mut left = gap;
        for label in options.row_labels.into_iter().flatten() {
            left = left.max(canvas::text_width(label, TEXT)? + 2 * SPACE);
        }
        let title = if options.title.is_some() { TITLE + 2 * SPACE } else { gap };
        let top = title + if options.column_labels.is_some() { 2 * SPACE } else { 0 };
        let caption = if options.captions.is_some() { SMALL + 5 } else { 0 };
        let (rows_together, columns_apart) = (options.rows_together, options.columns_apart);
        let mut frame = Self { left, top, cell, gap, caption, rows_together, columns_apart, width: 0, height: 0 };
        let (x, y) = frame.corner(rows - 1, columns - 1);
        (frame.width, frame.height) = (x + cell.0 + gap, y + cell.1 + caption + gap);
        if let Some(title) = options.title {
            frame.width = frame.width.max(left + canvas::text_width(title, TITLE)? + SPACE);
        }
        Ok(frame)
    }

    /// Top left corner of the image in a row and column.
    fn corner(&self, row: usize, column: usize) -> (u32, u32) {
        let groups = row.checked_div(self.rows_together).unwrap_or(0) as u32;
        let apart = u32::from(self.columns_apart > 0 && column >= self.columns_apart);
        let step = (self.cell.0 + self.gap, self.cell.1 + self.caption + self.gap);
        (self.left + column as u32 * step.0 + apart * GROUP, self.top + row as u32 * step.1 + groups * GROUP)
    }
}

/// `[channels, height, width]` as pixels.
fn picture(image: ArrayView3<'_, u8>) -> RgbImage {
    let (channels, height, width) = image.dim();
    let channel = |index: usize| image.index_axis(Axis(0), index.min(channels - 1));
    let [red, green, blue] = [channel(0), channel(1), channel(2)];
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let at = [y as usize, x as usize];
        Rgb([red[at], green[at], blue[at]])
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, s};

    use super::*;
    use crate::Picture;

    /// Images in which every value is different from its neighbours in every direction.
    fn images(count: usize, channels: usize, height: usize, width: usize) -> Array4<u8> {
        Array4::from_shape_fn((count, channels, height, width), |(n, c, y, x)| {
            (n * 101 + c * 67 + y * 31 + x * 7) as u8
        })
    }

    /// Checks every pixel of every image against its source, given the top left corner of the grid.
    fn check_pixels(
        picture: &Picture,
        images: &Array4<u8>,
        columns: usize,
        options: &GridOptions<'_>,
        corner: (u32, u32),
    ) {
        let (_, channels, height, width) = images.dim();
        for ((n, _, y, x), _) in images.slice(s![.., ..1, .., ..]).indexed_iter() {
            let expected = [0, 1, 2].map(|c: usize| images[[n, c.min(channels - 1), y, x]]);
            for (dy, dx) in (0..options.scale).flat_map(|dy| (0..options.scale).map(move |dx| (dy, dx))) {
                let place = |index: usize, size: usize, at: usize, d: u32| {
                    index as u32 * (size as u32 * options.scale + options.gap) + at as u32 * options.scale + d
                };
                let (px, py) =
                    (corner.0 + place(n % columns, width, x, dx), corner.1 + place(n / columns, height, y, dy));
                assert_eq!(picture.pixel(px, py), Some(expected), "image {n} at ({x}, {y})");
            }
        }
    }

    #[test]
    fn every_pixel_is_that_of_its_source() {
        for (count, channels, columns, scale, gap) in
            [(6, 1, 3, 1, 2), (5, 3, 3, 2, 1), (1, 3, 8, 3, 0), (4, 1, 1, 2, 5)]
        {
            let images = images(count, channels, 4, 5);
            let options = GridOptions { gap, scale, ..GridOptions::default() };
            let picture = image_grid(images.view(), columns, &options).unwrap().picture().unwrap();
            let (rows, columns) = (count.div_ceil(columns) as u32, columns.min(count) as u32);
            assert_eq!(picture.width(), gap + columns * (5 * scale + gap));
            assert_eq!(picture.height(), gap + rows * (4 * scale + gap));
            check_pixels(&picture, &images, columns as usize, &options, (gap, gap));
        }
    }

    #[test]
    fn places_without_image_are_white() {
        let grid = image_grid(Array4::zeros((3, 1, 4, 4)).view(), 2, &GridOptions::default()).unwrap();
        let picture = grid.picture().unwrap();
        assert_eq!(picture.pixel(9, 9), Some([255; 3]));
        assert_eq!(picture.pixel(3, 9), Some([0; 3]));
    }

    #[test]
    fn labels_and_title_stand_outside_the_images() {
        let images = images(6, 1, 20, 20);
        let labels = ["trouser".to_owned(), "ankle boot".to_owned()];
        let bare = GridOptions { scale: 2, ..GridOptions::default() };
        let options = GridOptions { row_labels: Some(&labels), title: Some("samples"), ..bare.clone() };
        let [plain, picture] =
            [&bare, &options].map(|options| image_grid(images.view(), 3, options).unwrap().picture().unwrap());
        let corner = (picture.width() - plain.width() + bare.gap, picture.height() - plain.height() + bare.gap);
        check_pixels(&picture, &images, 3, &options, corner);
        let dark = |from: (u32, u32), to: (u32, u32)| {
            (from.1..to.1).any(|y| (from.0..to.0).any(|x| picture.pixel(x, y).unwrap()[0] < 100))
        };
        let row = |row: u32| corner.1 + row * 42;
        assert!(dark((0, row(0)), (corner.0 - bare.gap, row(0) + 40)), "first label");
        assert!(dark((0, row(1)), (corner.0 - bare.gap, row(1) + 40)), "second label");
        assert!(dark((corner.0, 0), (picture.width(), corner.1)), "title");
        assert!(!dark((0, 0), (4, picture.height())), "no label is cut off at the left edge");
    }

    #[test]
    fn what_cannot_be_laid_out_is_refused() {
        let good = images(4, 1, 2, 2);
        let labels = ["one".to_owned()];
        let default = GridOptions::default();
        let message = |images: &Array4<u8>, columns, options: &GridOptions<'_>| {
            image_grid(images.view(), columns, options).unwrap_err().to_string()
        };
        assert!(message(&Array4::zeros((0, 1, 2, 2)), 2, &default).contains("no data"));
        assert!(message(&good, 0, &default).contains("columns"));
        assert!(message(&good, 2, &GridOptions { scale: 0, ..default.clone() }).contains("scale"));
        assert!(message(&images(1, 2, 2, 2), 2, &default).contains("channels"));
        let labelled = GridOptions { row_labels: Some(&labels), ..default };
        assert!(message(&good, 2, &labelled).contains("row_labels"));
    }

    #[test]
    fn small_images_are_shown_larger() {
        assert_eq!([28, 32, 56, 64, 256].map(|size| GridOptions::for_size(size).scale), [2, 2, 1, 1, 1]);
    }
}
