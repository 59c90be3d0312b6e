//! Image files as they are: any size, anywhere below a folder.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array3;

use crate::DataError;
use crate::decode::{Colour, ImageConfig, decode_bytes, has_image_ending, io_error, read_file};
use crate::image_folder::name_of;

/// All PNG and JPEG files below `folder`, however deep, sorted by path. Names that start with a dot are left out, and links to
/// folders are not followed.
///
/// # Errors
/// [`DataError::Missing`] and [`DataError::Io`] when a folder cannot be listed, [`DataError::Empty`] when there is no image.
pub fn image_files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        let failed = |source| io_error(&next, source, "give a folder of PNG and JPEG files");
        for entry in fs::read_dir(&next).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if name_of(&path).starts_with('.') {
                continue;
            }
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(path);
            } else if has_image_ending(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(DataError::Empty { path: folder.to_owned(), remedy: "put PNG or JPEG files there" }),
        false => Ok(files),
    }
}

/// The pixels of a PNG or JPEG file in its own size, red, green and blue: `[3, H, W]`. Alpha is dropped, 16 bits become 8, and
/// orientation tags are not followed.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Io`], [`DataError::UnreadableImage`].
pub fn read_pixels(path: &Path) -> Result<Array3<u8>, DataError> {
    // The size is that of the file.
    let config = ImageConfig { size: 1, colour: Colour::Rgb, resize: None, background: None };
    Ok(decode_bytes(path, &read_file(path)?, &config)?.as_standard_layout().into_owned())
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    #[test]
    fn files_are_found_at_every_depth_and_read_in_their_own_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).expect("folders");
        let picture = RgbImage::from_fn(5, 3, |x, y| Rgb([x as u8, y as u8, 200]));
        for name in ["a/b/deep.PNG", "top.png", ".hidden.png"] {
            let path = folder.path().join(name);
            picture.save_with_format(&path, image::ImageFormat::Png).expect("written");
        }
        fs::write(folder.path().join("notes.txt"), "no image").expect("written");
        let files = image_files(folder.path()).expect("images");
        assert_eq!(files, [deep.join("deep.PNG"), folder.path().join("top.png")]);
        let pixels = read_pixels(&files[0]).expect("readable");
        assert_eq!(pixels.dim(), (3, 3, 5));
        assert_eq!([pixels[[0, 2, 4]], pixels[[1, 2, 4]], pixels[[2, 0, 0]]], [4, 2, 200]);
    }

    #[test]
    fn empty_and_missing_folders_and_broken_files_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = image_files(folder.path()).expect_err("nothing there").to_string();
        assert!(empty.contains(&folder.path().display().to_string()), "{empty}");
        let missing = image_files(&folder.path().join("none")).expect_err("not there").to_string();
        assert!(missing.contains("none"), "{missing}");
        let broken = folder.path().join("broken.png");
        fs::write(&broken, "not a picture").expect("written");
        let message = read_pixels(&broken).expect_err("unreadable").to_string();
        assert!(message.contains("broken.png"), "{message}");
    }
}
