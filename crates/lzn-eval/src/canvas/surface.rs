//! Pixels or shapes behind one type, so that every drawing is written once.

use std::io::Error;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters_backend::text_anchor::Pos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontFamily, FontStyle, FontTransform,
};

type Drawn = Result<(), DrawingErrorKind<Error>>;

/// What a drawing is drawn on.
pub(crate) enum Surface<'a> {
    /// White pixels.
    Bitmap(BitMapBackend<'a>),
    /// A text of shapes.
    Svg(SVGBackend<'a>),
}

/// Does the same on either surface.
macro_rules! either {
    ($surface:expr, $inner:ident => $call:expr) => {
        match $surface {
            Surface::Bitmap($inner) => $call.map_err(one_kind),
            Surface::Svg($inner) => $call.map_err(one_kind),
        }
    };
}

impl DrawingBackend for Surface<'_> {
    type ErrorType = Error;

    fn get_size(&self) -> (u32, u32) {
        match self {
            Self::Bitmap(inner) => inner.get_size(),
            Self::Svg(inner) => inner.get_size(),
        }
    }

    fn ensure_prepared(&mut self) -> Drawn {
        either!(self, inner => inner.ensure_prepared())
    }

    fn present(&mut self) -> Drawn {
        either!(self, inner => inner.present())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        either!(self, inner => inner.draw_pixel(point, color))
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        either!(self, inner => inner.draw_line(from, to, style))
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        match self {
            Self::Bitmap(inner) => inner.draw_rect(from, to, style, fill).map_err(one_kind),
            // The last row and column of pixels belong to a filled rectangle of the bitmap.
            Self::Svg(inner) => {
                let more = i32::from(fill);
                inner.draw_rect(from, (to.0 + more, to.1 + more), style, fill)
            }
        }
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        match self {
            Self::Bitmap(inner) => rounded_path(inner, &path.into_iter().collect::<Vec<_>>(), style),
            Self::Svg(inner) => inner.draw_path(path, style),
        }
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        either!(self, inner => inner.draw_circle(center, radius, style, fill))
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        either!(self, inner => inner.fill_polygon(path, style))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        match self {
            Self::Bitmap(inner) => inner.draw_text(text, style, at).map_err(one_kind),
            Self::Svg(inner) => inner.draw_text(text, &AnyFont(style), at),
        }
    }
}

/// A path of pixels, piece by piece with round joints: the library's own joints are spikes where a thick line turns
/// sharply. Where pieces overlap, a translucent colour would show twice, so it is mixed with the white of the paper first.
fn rounded_path<S: BackendStyle>(surface: &mut BitMapBackend<'_>, path: &[BackendCoord], style: &S) -> Drawn {
    let BackendColor { alpha, rgb: (red, green, blue) } = style.color();
    if alpha == 0.0 {
        return Ok(());
    }
    let mix = |channel: u8| (255.0 - (255.0 - f64::from(channel)) * alpha).round() as u8;
    let opaque = BackendColor { alpha: 1.0, rgb: (mix(red), mix(green), mix(blue)) };
    let pen = Pen { color: opaque, width: style.stroke_width() };
    for ends in path.windows(2) {
        surface.draw_path(ends.iter().copied(), &pen).map_err(one_kind)?;
    }
    for &joint in path {
        surface.draw_circle(joint, pen.width / 2, &pen, true).map_err(one_kind)?;
    }
    Ok(())
}

struct Pen {
    color: BackendColor,
    width: u32,
}

impl BackendStyle for Pen {
    fn color(&self) -> BackendColor {
        self.color
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

/// A style with the reader's own font: a file of shapes cannot carry ours.
struct AnyFont<'a, S>(&'a S);

impl<S: BackendTextStyle> BackendTextStyle for AnyFont<'_, S> {
    type FontError = S::FontError;

    fn color(&self) -> BackendColor {
        self.0.color()
    }

    fn size(&self) -> f64 {
        self.0.size()
    }

    fn transform(&self) -> FontTransform {
        self.0.transform()
    }

    fn style(&self) -> FontStyle {
        self.0.style()
    }

    fn anchor(&self) -> Pos {
        self.0.anchor()
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::SansSerif
    }

    fn layout_box(&self, text: &str) -> Result<((i32, i32), (i32, i32)), Self::FontError> {
        self.0.layout_box(text)
    }

    fn draw<E, F: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        text: &str,
        at: BackendCoord,
        draw: F,
    ) -> Result<Result<(), E>, Self::FontError> {
        self.0.draw(text, at, draw)
    }
}

/// Errors of both libraries as one type.
fn one_kind<E: std::error::Error + Send + Sync + 'static>(error: DrawingErrorKind<E>) -> DrawingErrorKind<Error> {
    match error {
        DrawingErrorKind::DrawingError(error) => DrawingErrorKind::DrawingError(Error::other(error)),
        DrawingErrorKind::FontError(error) => DrawingErrorKind::FontError(error),
    }
}
