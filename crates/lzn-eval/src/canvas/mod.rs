//! What all drawings share: smooth lines, one font, one set of colours.

mod surface;

use std::fmt::Display;
use std::sync::OnceLock;

use image::{Rgb, RgbImage};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::EvalError;
pub(crate) use surface::Surface;

/// Everything is drawn this many times larger and then averaged: the drawing library places letters on whole pixels and
/// does not smooth thick lines.
const DETAIL: u32 = 3;

const FONT: &str = "lzn";

/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(38, 38, 38);
/// Text that explains, such as the numbers on an axis.
pub(crate) const SOFT_INK: RGBColor = RGBColor(96, 96, 96);
/// Lines that help the eye.
pub(crate) const MESH: RGBColor = RGBColor(230, 230, 230);

/// Where a text stands at its point.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    /// The point is at the left end, at half height.
    Left,
    /// The point is at the right end, at half height.
    Right,
    /// The point is in the middle.
    Middle,
}

/// What can be drawn on.
pub(crate) type Area<'a> = DrawingArea<Surface<'a>, Shift>;

/// An area to draw on, in pixels of the final picture.
pub(crate) struct Canvas<'a> {
    area: Area<'a>,
}

/// Paints a white picture of `width` times `height` pixels.
pub(crate) fn paint(
    (width, height): (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), EvalError>,
) -> Result<RgbImage, EvalError> {
    register_font()?;
    let (wide, high) = (width * DETAIL, height * DETAIL);
    let mut buffer = vec![255; wide as usize * high as usize * 3];
    {
        let surface = Surface::Bitmap(BitMapBackend::with_buffer(&mut buffer, (wide, high)));
        draw(&Canvas { area: surface.into_drawing_area() })?;
    }
    Ok(RgbImage::from_fn(width, height, |x, y| average(&buffer, wide as usize, x as usize, y as usize)))
}

/// The shapes of a drawing of `width` times `height` pixels as elements of SVG, and the size that their coordinates are
/// meant in.
pub(crate) fn shapes(
    (width, height): (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), EvalError>,
) -> Result<(String, (u32, u32)), EvalError> {
    register_font()?;
    let size = (width * DETAIL, height * DETAIL);
    let mut text = String::new();
    {
        let surface = Surface::Svg(SVGBackend::with_string(&mut text, size));
        draw(&Canvas { area: surface.into_drawing_area() })?;
    }
    // Between the tags of the root, which has a size of its own in mind.
    let inner = text.split_once('>').and_then(|(_, rest)| rest.rsplit_once("</svg>")).map(|(inner, _)| inner.trim());
    Ok((inner.ok_or_else(|| drawing("the drawing library wrote no SVG"))?.to_owned(), size))
}

/// Width of a text in pixels.
pub(crate) fn text_width(text: &str, size: u32) -> Result<u32, EvalError> {
    register_font()?;
    let font = (FONT, f64::from(size * DETAIL)).into_font();
    Ok(font.box_size(text).map_err(drawing)?.0.div_ceil(DETAIL))
}

impl<'a> Canvas<'a> {
    /// The library's area, for what this type does not do; its pixels are [`scaled`].
    pub(crate) fn area(&self) -> &Area<'a> {
        &self.area
    }

    /// Writes one line of text of the height `size`.
    pub(crate) fn text(
        &self,
        text: &str,
        (x, y): (i32, i32),
        size: u32,
        color: RGBColor,
        anchor: Anchor,
        upright: bool,
    ) -> Result<(), EvalError> {
        let horizontal = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Right => HPos::Right,
            Anchor::Middle => HPos::Center,
        };
        let mut style = style(size).color(&color).pos(Pos::new(horizontal, VPos::Center));
        if upright {
            style = style.transform(FontTransform::Rotate270);
        }
        self.area.draw_text(text, &style, (scaled(x), scaled(y))).map_err(drawing)
    }

    /// Writes one line of text in the middle of a point, on paper that covers most of what is behind it.
    pub(crate) fn text_on_paper(&self, text: &str, (x, y): (i32, i32), size: u32) -> Result<(), EvalError> {
        let half = (text_width(text, size)? as i32 / 2 + 4, size as i32 * 2 / 3);
        self.fill((x - half.0, y - half.1), (x + half.0, y + half.1), WHITE.mix(0.75))?;
        self.text(text, (x, y), size, INK, Anchor::Middle, false)
    }

    /// Fills the rectangle between two corners; the second is outside.
    pub(crate) fn fill(&self, from: (i32, i32), to: (i32, i32), color: impl Color) -> Result<(), EvalError> {
        self.fill_fine((scaled(from.0), scaled(from.1)), (scaled(to.0), scaled(to.1)), color)
    }

    /// The same between corners in the library's pixels.
    pub(crate) fn fill_fine(&self, from: (i32, i32), to: (i32, i32), color: impl Color) -> Result<(), EvalError> {
        if from.0 >= to.0 || from.1 >= to.1 {
            return Ok(());
        }
        let corners = [from, (to.0 - 1, to.1 - 1)];
        self.area.draw(&Rectangle::new(corners, color.filled())).map_err(drawing)
    }

    /// Draws a straight line between points in the library's pixels.
    pub(crate) fn line_fine(&self, points: [(i32, i32); 2], style: ShapeStyle) -> Result<(), EvalError> {
        self.area.draw(&PathElement::new(points, style)).map_err(drawing)
    }
}

/// Style of a text of the height `size`.
pub(crate) fn style(size: u32) -> TextStyle<'static> {
    (FONT, f64::from(size * DETAIL)).into_text_style(&(1, 1)).color(&INK)
}

/// A length in pixels of the final picture, for the library's functions.
pub(crate) fn scaled(pixels: i32) -> i32 {
    pixels * DETAIL as i32
}

/// A point of the library's as one of the final picture.
pub(crate) fn unscaled((x, y): (i32, i32)) -> (i32, i32) {
    (x / DETAIL as i32, y / DETAIL as i32)
}

/// Converts an error of the drawing library.
pub(crate) fn drawing(error: impl Display) -> EvalError {
    EvalError::Draw { reason: error.to_string() }
}

/// What a translucent `color` looks like on white: 0 is white, 1 the colour.
#[cfg(test)]
pub(crate) fn tint(color: RGBColor, strength: f64) -> RGBColor {
    let mix = |channel: u8| (255.0 - (255.0 - f64::from(channel)) * strength).round() as u8;
    RGBColor(mix(color.0), mix(color.1), mix(color.2))
}

/// The library keeps fonts in a table of the process; one entry is ours.
fn register_font() -> Result<(), EvalError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let register = || plotters::style::register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).is_ok();
    if *REGISTERED.get_or_init(register) { Ok(()) } else { Err(drawing("the embedded font is damaged")) }
}

/// Mean of the square of fine pixels that makes the pixel at `x`, `y`.
fn average(buffer: &[u8], wide: usize, x: usize, y: usize) -> Rgb<u8> {
    let detail = DETAIL as usize;
    let mut sums = [0u32; 3];
    for row in 0..detail {
        let start = ((y * detail + row) * wide + x * detail) * 3;
        for pixel in buffer[start..start + 3 * detail].chunks_exact(3) {
            for (sum, &channel) in sums.iter_mut().zip(pixel) {
                *sum += u32::from(channel);
            }
        }
    }
    let count = DETAIL * DETAIL;
    Rgb(sums.map(|sum| ((sum + count / 2) / count) as u8))
}
