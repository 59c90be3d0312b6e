//! What all drawings share: smooth lines, one font, one set of colours.

use std::fmt::Display;
use std::sync::OnceLock;

use image::{Rgb, RgbImage};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::EvalError;

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

/// An area to draw on, in pixels of the final picture.
pub(crate) struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
}

/// Paints a white picture of `width` times `height` pixels.
pub(crate) fn paint(
    width: u32,
    height: u32,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), EvalError>,
) -> Result<RgbImage, EvalError> {
    register_font()?;
    let (wide, high) = (width * DETAIL, height * DETAIL);
    let mut buffer = vec![255; wide as usize * high as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut buffer, (wide, high)).into_drawing_area();
        draw(&Canvas { area })?;
    }
    Ok(RgbImage::from_fn(width, height, |x, y| average(&buffer, wide as usize, x as usize, y as usize)))
}

/// Width of a text in pixels.
pub(crate) fn text_width(text: &str, size: u32) -> Result<u32, EvalError> {
    register_font()?;
    let font = (FONT, f64::from(size * DETAIL)).into_font();
    Ok(font.box_size(text).map_err(drawing)?.0.div_ceil(DETAIL))
}

impl<'a> Canvas<'a> {
    /// The library's area, for what this type does not do; its pixels are [`scaled`].
    pub(crate) fn area(&self) -> &DrawingArea<BitMapBackend<'a>, Shift> {
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

    /// Fills the rectangle between two corners; the second is outside.
    pub(crate) fn fill(&self, from: (i32, i32), to: (i32, i32), color: RGBColor) -> Result<(), EvalError> {
        let corners = [(scaled(from.0), scaled(from.1)), (scaled(to.0) - 1, scaled(to.1) - 1)];
        self.area.draw(&Rectangle::new(corners, color.filled())).map_err(drawing)
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

/// Converts an error of the drawing library.
pub(crate) fn drawing(error: impl Display) -> EvalError {
    EvalError::Draw { reason: error.to_string() }
}

/// A mixture of `color` and white: 0 is white, 1 the colour.
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
