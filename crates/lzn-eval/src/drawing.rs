//! A drawing that can be had as pixels and as shapes.

use std::fmt;
use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, Rgb, RgbImage, imageops};

use crate::canvas::{self, Canvas};
use crate::{EvalError, Picture};

type Scene = dyn Fn(&Canvas<'_>) -> Result<(), EvalError> + Send + Sync;

/// A drawing, ready to be rendered: [`Drawing::picture`] as pixels, which look the same everywhere, [`Drawing::to_svg`] as
/// shapes, which stay sharp at any size.
///
/// # Example
/// ```
/// use lzn_eval::plot::{Curves, Panel};
///
/// let panel = Panel::new("loss", "mean squared error").line("flow", [(0.0, 1.0), (100.0, 0.4)]);
/// let drawing = Curves::new("training step").panel(panel).draw()?;
/// assert_eq!(drawing.picture()?.width(), drawing.width());
/// assert!(drawing.to_svg()?.contains("training step"));
/// # Ok::<(), lzn_eval::EvalError>(())
/// ```
#[derive(Clone)]
pub struct Drawing {
    size: (u32, u32),
    scene: Arc<Scene>,
    tiles: Vec<Tile>,
}

/// An image on a drawing, every pixel of it a square of `scale` times `scale`.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    pub(crate) corner: (u32, u32),
    pub(crate) scale: u32,
    pub(crate) image: RgbImage,
}

impl Drawing {
    /// A drawing of `size` pixels.
    pub(crate) fn new(
        size: (u32, u32),
        scene: impl Fn(&Canvas<'_>) -> Result<(), EvalError> + Send + Sync + 'static,
    ) -> Self {
        Self { size, scene: Arc::new(scene), tiles: Vec::new() }
    }

    /// Puts images on top of it.
    pub(crate) fn with_tiles(mut self, tiles: Vec<Tile>) -> Self {
        self.tiles = tiles;
        self
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.size.0
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.size.1
    }

    /// The drawing as pixels.
    ///
    /// # Errors
    /// [`EvalError::Draw`] if it cannot be drawn.
    pub fn picture(&self) -> Result<Picture, EvalError> {
        let mut picture = canvas::paint(self.size, |canvas| (self.scene)(canvas))?;
        for tile in &self.tiles {
            imageops::replace(&mut picture, &tile.enlarged(), tile.corner.0.into(), tile.corner.1.into());
        }
        Ok(Picture::new(picture))
    }

    /// The bytes of a PNG file of it.
    ///
    /// # Errors
    /// As [`Drawing::picture`].
    pub fn to_png(&self) -> Result<Vec<u8>, EvalError> {
        self.picture()?.to_png()
    }

    /// Writes it to the file `path` as PNG, whatever the name's ending.
    ///
    /// # Errors
    /// As [`Drawing::picture`]; [`EvalError::Write`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), EvalError> {
        self.picture()?.save(path)
    }

    /// The drawing as the text of an SVG file that refers to nothing outside of it: letters are in the reader's sans-serif
    /// font, images are data URIs. It lies on a white rectangle of class `paper`.
    ///
    /// # Errors
    /// As [`Drawing::picture`].
    pub fn to_svg(&self) -> Result<String, EvalError> {
        let (shapes, (wide, high)) = canvas::shapes(self.size, |canvas| (self.scene)(canvas))?;
        let (width, height) = self.size;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {wide} {high}\" \
             stroke-linejoin=\"round\" stroke-linecap=\"round\">\n\
             <rect class=\"paper\" width=\"{wide}\" height=\"{high}\" fill=\"#FFFFFF\"/>\n{shapes}\n"
        );
        for tile in &self.tiles {
            let [x, y, width, height] =
                [tile.corner.0, tile.corner.1, tile.width(), tile.height()].map(|length| canvas::scaled(length as i32));
            let data = tile.data_uri()?;
            // Writing to a string cannot fail.
            let _ = writeln!(
                svg,
                "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
                 style=\"image-rendering:pixelated\" href=\"{data}\"/>"
            );
        }
        svg.push_str("</svg>\n");
        Ok(svg)
    }
}

impl fmt::Debug for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drawing").field("size", &self.size).field("tiles", &self.tiles.len()).finish_non_exhaustive()
    }
}

impl Tile {
    fn width(&self) -> u32 {
        self.image.width() * self.scale
    }

    fn height(&self) -> u32 {
        self.image.height() * self.scale
    }

    fn enlarged(&self) -> RgbImage {
        RgbImage::from_fn(self.width(), self.height(), |x, y| *self.image.get_pixel(x / self.scale, y / self.scale))
    }

    /// The image in its own size; grey where it is grey, which takes half the bytes.
    fn data_uri(&self) -> Result<String, EvalError> {
        let mut bytes = Cursor::new(Vec::new());
        let grey = self.image.pixels().all(|Rgb([red, green, blue])| red == green && green == blue);
        let written = if grey {
            imageops::grayscale(&self.image).write_to(&mut bytes, ImageFormat::Png)
        } else {
            self.image.write_to(&mut bytes, ImageFormat::Png)
        };
        written.map_err(canvas::drawing)?;
        Ok(png_uri(bytes.get_ref()))
    }
}

/// The bytes of a PNG file as a data URI.
pub(crate) fn png_uri(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}
