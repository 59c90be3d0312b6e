//! A finished picture.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};

use crate::EvalError;

/// A picture of 8-bit red, green and blue pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture(RgbImage);

impl Picture {
    pub(crate) fn new(image: RgbImage) -> Self {
        Self(image)
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.0.width()
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.0.height()
    }

    /// Red, green and blue of the pixel in column `x` and row `y`, counted from the top left; `None` outside.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        self.0.get_pixel_checked(x, y).map(|pixel| pixel.0)
    }

    /// The bytes of a PNG file of it.
    ///
    /// # Errors
    /// [`EvalError::Draw`] if it cannot be encoded.
    pub fn to_png(&self) -> Result<Vec<u8>, EvalError> {
        let mut bytes = Cursor::new(Vec::new());
        self.0.write_to(&mut bytes, ImageFormat::Png).map_err(|error| EvalError::Draw { reason: error.to_string() })?;
        Ok(bytes.into_inner())
    }

    /// Writes it to the file `path` as PNG, whatever the name's ending.
    ///
    /// # Errors
    /// [`EvalError::Write`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), EvalError> {
        let path = path.as_ref();
        std::fs::write(path, self.to_png()?).map_err(|source| EvalError::Write { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_picture_has_the_same_pixels() {
        let picture = Picture::new(RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8, y as u8, 200])));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.of.mine");
        picture.save(&path).unwrap();
        let read = image::load_from_memory_with_format(&std::fs::read(&path).unwrap(), ImageFormat::Png).unwrap();
        assert_eq!(Picture::new(read.into_rgb8()), picture);
        assert_eq!(picture.pixel(4, 2), Some([4, 2, 200]));
        assert_eq!(picture.pixel(5, 0), None);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/picture.png");
        let message = Picture::new(RgbImage::new(1, 1)).save(&path).unwrap_err().to_string();
        assert!(message.contains("absent/picture.png"), "{message}");
    }
}
