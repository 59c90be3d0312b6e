//! What a file is meant to be, before it is read as that.

use std::path::Path;

use super::{ArrayError, Arrays, claim, features};

/// The mean in files of statistics.
const MEAN: &str = "mu";

/// What a file holds, as far as its names, types and shapes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An array `mu`: for [`crate::reference::read_statistics`].
    Statistics,
    /// Rows of numbers: for [`super::read_features`].
    Features,
    /// Bytes, or an array of more than two dimensions: for [`super::read_images`].
    Images,
}

/// Says which reader is to judge a file, so that its error is the one that helps. The numbers are not looked at.
///
/// # Errors
/// [`ArrayError`] if the file is no `.npy` or `.npz` file, is damaged, or has several arrays and none of a known name.
pub fn kind(path: &Path) -> Result<Kind, ArrayError> {
    let mut arrays = Arrays::open(path)?;
    if arrays.has(MEAN) {
        return Ok(Kind::Statistics);
    }
    let key = arrays.choose(&features::KEYS)?;
    let header = arrays.header(&key)?;
    let bytes = claim::numbers(&header).is_some_and(|kind| kind.ends_with("u1"));
    Ok(if bytes || claim::dimensions(&header) > 2 { Kind::Images } else { Kind::Features })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array4, array};
    use ndarray_npy::{NpzWriter, write_npy};

    use super::*;

    #[test]
    fn names_types_and_shapes_tell_what_a_file_is_meant_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        write_npy(&path, &array![[f32::NAN]]).unwrap();
        assert_eq!(kind(&path).unwrap(), Kind::Features);
        write_npy(&path, &Array4::<u8>::zeros((1, 2, 2, 3))).unwrap();
        assert_eq!(kind(&path).unwrap(), Kind::Images);
        write_npy(&path, &Array4::<f32>::zeros((1, 2, 2, 3))).unwrap();
        assert_eq!(kind(&path).unwrap(), Kind::Images);
        for (key, expected) in [("mu", Kind::Statistics), ("feats", Kind::Features)] {
            let mut archive = NpzWriter::new_compressed(std::fs::File::create(&path).unwrap());
            archive.add_array(key, &Array2::<f64>::zeros((2, 2))).unwrap();
            archive.add_array("other", &Array2::<u8>::zeros((2, 2))).unwrap();
            archive.finish().unwrap();
            assert_eq!(kind(&path).unwrap(), expected);
        }
    }

    #[test]
    fn files_that_are_nothing_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let message = || kind(&path).unwrap_err().to_string();
        assert!(message().contains("a.npy"), "{}", message());
        std::fs::write(&path, "").unwrap();
        assert!(message().contains("a.npy: this is neither"), "{}", message());
        std::fs::write(&path, b"\x93NUMPY\x01\0").unwrap();
        assert!(message().contains("a.npy") && message().contains("header"), "{}", message());
        let mut archive = NpzWriter::new(std::fs::File::create(&path).unwrap());
        archive.add_array("x", &array![1.0]).unwrap();
        archive.add_array("y", &array![1.0]).unwrap();
        archive.finish().unwrap();
        assert!(message().contains("the file has x, y"), "{}", message());
    }
}
