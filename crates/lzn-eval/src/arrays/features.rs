//! Features and labels in files: representations for other programs, and features that others have computed.

use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView1, ArrayView2, Ix2};
use ndarray_npy::WriteNpyExt;

use super::{ArrayError, Arrays};
use crate::finite::first_not_finite;

/// Names under which archives hold features: clean-fid's, score_sde's and NumPy's own.
pub(super) const KEYS: [&str; 3] = ["feats", "pool_3", "arr_0"];

/// Writes features `[N, d]` to the `.npy` file `path`, replacing what is there.
///
/// # Errors
/// [`ArrayError::Refused`] if a value is not finite, [`ArrayError::Io`] and [`ArrayError::Format`] if the file cannot be
/// written; a former file is then unharmed.
pub fn write_features(path: &Path, features: ArrayView2<'_, f32>) -> Result<(), ArrayError> {
    check_finite(path, features)?;
    write(path, &features)
}

/// Writes labels `[N]` to the `.npy` file `path`, as int64, replacing what is there.
///
/// # Errors
/// [`ArrayError::Io`] and [`ArrayError::Format`] if the file cannot be written; a former file is then unharmed.
pub fn write_labels(path: &Path, labels: &[i64]) -> Result<(), ArrayError> {
    write(path, &ArrayView1::from(labels))
}

/// Exports representations: features `[N, d]` to `NAME.npy` and labels `[N]` to `NAME_labels.npy` in `folder`, which is made if
/// it is not there. Returns the two paths.
///
/// # Errors
/// [`ArrayError::Refused`] if the lengths differ or a value is not finite; nothing is then written. [`ArrayError::Io`]
/// and [`ArrayError::Format`] if a file cannot be written.
///
/// # Example
/// ```
/// use ndarray::array;
///
/// let folder = tempfile::tempdir()?;
/// let features = array![[0.5, 1.0], [2.0, -1.0]];
/// let (written, _) = lzn_eval::arrays::export(folder.path(), "test", features.view(), &[3, 1])?;
/// assert_eq!(lzn_eval::arrays::read_features(&written)?, features);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn export(
    folder: &Path,
    name: &str,
    features: ArrayView2<'_, f32>,
    labels: &[i64],
) -> Result<(PathBuf, PathBuf), ArrayError> {
    let paths = (folder.join(format!("{name}.npy")), folder.join(format!("{name}_labels.npy")));
    if features.nrows() != labels.len() {
        return Err(ArrayError::refused(&paths.0, format!("{} rows for {} labels", features.nrows(), labels.len())));
    }
    check_finite(&paths.0, features)?;
    std::fs::create_dir_all(folder).map_err(ArrayError::io(folder))?;
    write_features(&paths.0, features)?;
    write_labels(&paths.1, labels)?;
    Ok(paths)
}

/// Reads features `[N, d]` from a `.npy` file, or from a `.npz` file: its only array, or the one called `feats`, `pool_3` or `arr_0`.
/// Float64 values are rounded to float32.
///
/// # Errors
/// [`ArrayError`] if the file cannot be read, has no such array, or the array has not two dimensions, is empty, or holds a value
/// that is not finite.
pub fn read_features(path: &Path) -> Result<Array2<f32>, ArrayError> {
    let mut arrays = Arrays::open(path)?;
    let key = arrays.choose(&KEYS)?;
    let array = arrays.read_numbers(&key)?.into_f32();
    let shape = array.shape().to_vec();
    let features = array.into_dimensionality::<Ix2>();
    let features = features.map_err(|_| arrays.wrong(&key, format!("must have the shape [N, d], not {shape:?}")))?;
    if features.is_empty() {
        return Err(arrays.wrong(&key, format!("is empty: its shape is {shape:?}")));
    }
    match first_not_finite(features.view()) {
        Some(row) => Err(arrays.wrong(&key, format!("holds a value in row {row} that is not finite"))),
        None => Ok(features),
    }
}

fn write<T: WriteNpyExt>(path: &Path, array: &T) -> Result<(), ArrayError> {
    lzn_files::replace(path, ArrayError::io(path), |file| {
        array.write_npy(std::io::BufWriter::new(file)).map_err(|error| ArrayError::format(path, error))
    })
}

fn check_finite(path: &Path, features: ArrayView2<'_, f32>) -> Result<(), ArrayError> {
    match first_not_finite(features) {
        Some(row) => Err(ArrayError::refused(path, format!("a feature in row {row} is not finite"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};
    use ndarray_npy::{NpzWriter, ReadNpyExt, write_npy};

    use super::*;

    #[test]
    fn features_and_labels_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let features = Array2::from_shape_fn((5, 3), |(i, j)| (i as f32 - 2.0) / (j as f32 + 0.7));
        let (features_path, labels_path) =
            export(&folder.path().join("new"), "a", features.t().to_owned().t(), &[0, 1, 2, 3, -1]).unwrap();
        assert_eq!(read_features(&features_path).unwrap(), features);
        let labels = ndarray::Array1::<i64>::read_npy(std::fs::File::open(labels_path).unwrap()).unwrap();
        assert_eq!(labels.to_vec(), [0, 1, 2, 3, -1]);
    }

    #[test]
    fn archives_of_other_programs_are_read_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let (features, other) = (array![[1.0f64, 2.0]], array![[3.0f64]]);
        for key in KEYS {
            let mut archive = NpzWriter::new_compressed(std::fs::File::create(&path).unwrap());
            archive.add_array("other", &other).unwrap();
            archive.add_array(key, &features).unwrap();
            archive.finish().unwrap();
            assert_eq!(read_features(&path).unwrap(), array![[1.0f32, 2.0]]);
        }
        let mut archive = NpzWriter::new(std::fs::File::create(&path).unwrap());
        archive.add_array("only", &features).unwrap();
        archive.finish().unwrap();
        assert_eq!(read_features(&path).unwrap(), array![[1.0f32, 2.0]]);
    }

    #[test]
    fn refusals_name_the_file_and_the_array_and_write_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let bad = array![[0.0], [f32::NAN]];
        for error in [
            export(folder.path(), "x", bad.view(), &[0, 1]).unwrap_err(),
            export(folder.path(), "x", bad.view(), &[0]).unwrap_err(),
            write_features(&folder.path().join("x.npy"), bad.view()).unwrap_err(),
        ] {
            assert!(matches!(error, ArrayError::Refused { .. }) && error.to_string().contains("x.npy"), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

        let path = folder.path().join("y.npy");
        let message = || read_features(&path).unwrap_err().to_string();
        assert!(message().contains("y.npy"));
        write_npy(&path, &bad).unwrap();
        assert!(message().contains("row 1"), "{}", message());
        write_npy(&path, &Array3::<f32>::zeros((1, 1, 1))).unwrap();
        assert!(message().contains("[1, 1, 1]"), "{}", message());
        write_npy(&path, &Array2::<f32>::zeros((0, 4))).unwrap();
        assert!(message().contains("empty"), "{}", message());
        write_npy(&path, &array![[1i16]]).unwrap();
        assert!(message().contains("<i2"), "{}", message());
        std::fs::write(&path, "text").unwrap();
        assert!(message().contains("neither"), "{}", message());

        let mut archive = NpzWriter::new(std::fs::File::create(&path).unwrap());
        archive.add_array("mu", &array![1.0]).unwrap();
        archive.add_array("sigma", &array![1.0]).unwrap();
        archive.finish().unwrap();
        assert!(message().contains("`feats` or `pool_3` or `arr_0`; the file has mu, sigma"), "{}", message());
    }
}
