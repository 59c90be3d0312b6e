//! Statistics of a custom data set as clean-fid keeps them.

use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};

use super::statistics::write_archive;
use super::{Gaussian, read_statistics, write_statistics};
use crate::arrays::{ArrayError, read_features};

/// The two files that `cleanfid.fid.make_custom_stats(name, ..., mode=mode)` leaves in clean-fid's `stats` folder: `NAME_MODE_custom_na.npz` with
/// `mu` and `sigma` for FID, and `NAME_MODE_custom_na_kid.npz` with the features themselves, `feats [N, d]`, for KID. Names are in
/// lower case.
///
/// Written there, `cleanfid.fid.compute_fid(folder, dataset_name=name, mode=mode, dataset_split="custom")` uses them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanFidFiles {
    folder: PathBuf,
    stem: String,
}

impl CleanFidFiles {
    /// The files of the data set `name` under the protocol `mode` (`clean`, `legacy_pytorch` or `legacy_tensorflow`), with
    /// Inception-v3 features. Nothing is read or made yet.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, name: &str, mode: &str) -> Self {
        Self { folder: folder.into(), stem: format!("{name}_{mode}_custom_na").to_lowercase() }
    }

    /// The file of mean and covariance.
    #[must_use]
    pub fn fid_path(&self) -> PathBuf {
        self.folder.join(format!("{}.npz", self.stem))
    }

    /// The file of features.
    #[must_use]
    pub fn kid_path(&self) -> PathBuf {
        self.folder.join(format!("{}_kid.npz", self.stem))
    }

    /// Writes both files; `features` are those that the statistics are of, `[N, d]`.
    ///
    /// # Errors
    /// Those of [`write_statistics`], and [`ArrayError::Refused`] if the features do not fit the statistics; nothing is then written.
    pub fn write(&self, statistics: &Gaussian, features: ArrayView2<'_, f32>) -> Result<(), ArrayError> {
        let (n, d) = features.dim();
        let path = self.kid_path();
        if d != statistics.mean.len() || statistics.count.is_some_and(|count| count != n as u64) {
            let expected = statistics.count.map_or("N".to_owned(), |count| count.to_string());
            let reason = format!("features must be [{expected}, {}], got [{n}, {d}]", statistics.mean.len());
            return Err(ArrayError::refused(&path, reason));
        }
        if features.iter().any(|value| !value.is_finite()) {
            return Err(ArrayError::refused(&path, "a feature is not finite"));
        }
        write_statistics(&self.fid_path(), statistics)?;
        write_archive(&path, |archive| archive.add("feats", &features))
    }

    /// Reads mean and covariance.
    ///
    /// # Errors
    /// Those of [`read_statistics`].
    pub fn read(&self) -> Result<Gaussian, ArrayError> {
        read_statistics(&self.fid_path())
    }

    /// Reads the features, `[N, d]`.
    ///
    /// # Errors
    /// Those of [`read_features`].
    pub fn read_features(&self) -> Result<Array2<f32>, ArrayError> {
        read_features(&self.kid_path())
    }

    /// The folder of both files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn both_files_have_the_names_that_clean_fid_looks_for() {
        let folder = tempfile::tempdir().unwrap();
        let files = CleanFidFiles::new(folder.path(), "MyData", "clean");
        let statistics =
            Gaussian { count: Some(2), mean: array![1.0, 0.0], covariance: array![[2.0, 0.0], [0.0, 0.0]] };
        let features = array![[0.0, 0.0], [2.0, 0.0]];
        assert!(files.write(&statistics, features.slice(ndarray::s![..1, ..])).is_err());
        assert!(files.write(&statistics, array![[0.0], [1.0]].view()).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        files.write(&statistics, features.view()).unwrap();
        assert_eq!(read_statistics(&folder.path().join("mydata_clean_custom_na.npz")).unwrap(), statistics);
        assert!(folder.path().join("mydata_clean_custom_na_kid.npz").exists());
        assert_eq!(files.read().unwrap(), statistics);
        assert_eq!(files.read_features().unwrap(), features);
    }
}
