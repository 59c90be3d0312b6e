//! Mean and covariance in the layout of pytorch-fid, which clean-fid and many others share.

use std::fs::File;
use std::path::Path;

use ndarray::{Dimension, Ix0, Ix1, Ix2, aview0};
use ndarray_npy::{NpzWriter, WriteNpyExt};

use super::Gaussian;
use super::check::{Which, check};
use crate::arrays::{ArrayError, Arrays};

/// Names of mean, covariance and the number of samples. The last is our addition.
const MEAN: &str = "mu";
const COVARIANCE: &str = "sigma";
const COUNT: &str = "n";

/// Reads `mu` and `sigma`, and the number of samples `n` if it is there; float64 or float32.
///
/// # Errors
/// [`ArrayError`] if the file cannot be read, lacks one of the two, or they are not a mean `[d]` and a covariance `[d, d]`: finite,
/// symmetric and without negative eigenvalues, up to rounding.
pub fn read_statistics(path: &Path) -> Result<Gaussian, ArrayError> {
    read_from(&mut Arrays::open(path)?, MEAN, COVARIANCE)
}

/// Writes `mu`, `sigma` in float64 and, if known, the number of samples as `n`, compressed, replacing what is at `path`.
/// pytorch-fid, clean-fid and torch-fidelity's converters read it.
///
/// # Errors
/// [`ArrayError::Refused`] if the statistics would not pass [`read_statistics`], [`ArrayError::Io`] and
/// [`ArrayError::Format`] if the file cannot be written; a former file is then unharmed.
pub fn write_statistics(path: &Path, statistics: &Gaussian) -> Result<(), ArrayError> {
    write_with(path, statistics, |_| Ok(()))
}

/// As [`write_statistics`], with further arrays that `add` puts into the archive.
pub(super) fn write_with(
    path: &Path,
    statistics: &Gaussian,
    add: impl FnOnce(&mut Archive<'_>) -> Result<(), ArrayError>,
) -> Result<(), ArrayError> {
    check(statistics.mean.view(), statistics.covariance.clone())
        .map_err(|(which, reason)| ArrayError::refused(path, format!("the {} {reason}", which.name())))?;
    write_archive(path, |archive| {
        archive.add(MEAN, &statistics.mean)?;
        archive.add(COVARIANCE, &statistics.covariance)?;
        if let Some(count) = statistics.count {
            let count = i64::try_from(count).map_err(|error| ArrayError::refused(path, error))?;
            archive.add(COUNT, &aview0(&count))?;
        }
        add(archive)
    })
}

/// An archive that is being written.
pub(super) struct Archive<'a> {
    path: &'a Path,
    writer: NpzWriter<&'a mut File>,
}

impl Archive<'_> {
    pub(super) fn add<T: WriteNpyExt>(&mut self, key: &str, array: &T) -> Result<(), ArrayError> {
        self.writer.add_array(key, array).map_err(|error| ArrayError::array(self.path, key, error))
    }
}

/// Writes a compressed `.npz` file, whole or not at all.
pub(super) fn write_archive(
    path: &Path,
    fill: impl FnOnce(&mut Archive<'_>) -> Result<(), ArrayError>,
) -> Result<(), ArrayError> {
    lzn_files::replace(path, ArrayError::io(path), |file| {
        let mut archive = Archive { path, writer: NpzWriter::new_compressed(file) };
        fill(&mut archive)?;
        archive.writer.finish().map(drop).map_err(|error| ArrayError::format(path, error))
    })
}

/// Reads a mean and a covariance under any names.
pub(super) fn read_from(arrays: &mut Arrays, mean: &str, covariance: &str) -> Result<Gaussian, ArrayError> {
    let mu = shaped::<Ix1>(arrays, mean, "[d]")?;
    let sigma = shaped::<Ix2>(arrays, covariance, "[d, d]")?;
    let sigma = check(mu.view(), sigma)
        .map_err(|(which, reason)| arrays.wrong(if which == Which::Mean { mean } else { covariance }, reason))?;
    let count = if arrays.has(COUNT) {
        let count = arrays.read::<i64, Ix0>(COUNT)?.into_scalar();
        Some(u64::try_from(count).map_err(|_| arrays.wrong(COUNT, format!("must not be negative, got {count}")))?)
    } else {
        None
    };
    Ok(Gaussian { count, mean: mu, covariance: sigma })
}

fn shaped<D: Dimension>(arrays: &mut Arrays, key: &str, rule: &str) -> Result<ndarray::Array<f64, D>, ArrayError> {
    let array = arrays.read_numbers(key)?.into_f64();
    let shape = array.shape().to_vec();
    array.into_dimensionality().map_err(|_| arrays.wrong(key, format!("must have the shape {rule}, not {shape:?}")))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    fn statistics(count: Option<u64>) -> Gaussian {
        Gaussian { count, mean: array![0.1, -2.0], covariance: array![[2.0, 0.3], [0.3, 1.0]] }
    }

    #[test]
    fn statistics_come_back_bit_for_bit_with_and_without_their_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        for count in [None, Some(50_000)] {
            write_statistics(&path, &statistics(count)).unwrap();
            assert_eq!(read_statistics(&path).unwrap(), statistics(count));
        }
    }

    #[test]
    fn files_in_single_precision_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        write_archive(&path, |archive| {
            archive.add("mu", &statistics(None).mean.mapv(|value| value as f32))?;
            archive.add("sigma", &statistics(None).covariance)
        })
        .unwrap();
        let found = read_statistics(&path).unwrap();
        assert_eq!(found.mean[0], f64::from(0.1f32));
        assert_eq!(found.covariance, statistics(None).covariance);
    }

    #[test]
    fn wrong_files_are_refused_by_file_and_array() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let message = || read_statistics(&path).unwrap_err().to_string();
        let two = Array2::<f64>::eye(2);
        write_archive(&path, |archive| archive.add("mu", &array![1.0])).unwrap();
        assert!(message().contains("a.npz: there is no array `sigma`; the file has mu"), "{}", message());
        let write = |mean: Array2<f64>, covariance: &Array2<f64>| {
            write_archive(&path, |archive| {
                archive.add("mu", &mean.clone().remove_axis(ndarray::Axis(0)))?;
                archive.add("sigma", covariance)
            })
            .unwrap();
        };
        write(array![[1.0, 2.0]], &array![[1.0, 3.0], [3.0, 1.0]]);
        assert!(message().contains("array `sigma` has negative eigenvalues"), "{}", message());
        write(array![[1.0, f64::NAN]], &two);
        assert!(message().contains("array `mu` is not finite"), "{}", message());
        write_archive(&path, |archive| {
            archive.add("mu", &two)?;
            archive.add("sigma", &two)
        })
        .unwrap();
        assert!(message().contains("array `mu` must have the shape [d], not [2, 2]"), "{}", message());
        write_statistics(&path, &statistics(None)).unwrap();
        let refused = Gaussian { covariance: array![[1.0, 3.0], [3.0, 1.0]], ..statistics(None) };
        assert!(matches!(write_statistics(&path, &refused), Err(ArrayError::Refused { .. })));
        assert_eq!(read_statistics(&path).unwrap(), statistics(None));
    }
}
