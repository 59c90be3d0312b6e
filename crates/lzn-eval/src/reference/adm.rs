//! Reference files of guided diffusion ("ADM").

use std::path::Path;

use ndarray::Array4;

use super::Gaussian;
use super::statistics::read_from;
use crate::arrays::{ArrayError, Arrays, Layout, read_images};

/// What a reference file of guided diffusion's evaluator holds (`VIRTUAL_imagenet256_labeled.npz` and its like).
///
/// The statistics are of the whole data set, whose size the file does not say; the images, which serve precision and recall,
/// are 10,000 of them.
#[derive(Debug, Clone, PartialEq)]
pub struct AdmReference {
    /// Of the 2048 pooled features (`mu`, `sigma`), for FID.
    pub pooled: Gaussian,
    /// Of the 2023 spatial features (`mu_s`, `sigma_s`), for sFID.
    pub spatial: Gaussian,
}

impl AdmReference {
    /// Reads the statistics. The images are read by [`AdmReference::images`], since they can be large.
    ///
    /// # Errors
    /// Those of [`super::read_statistics`], for both.
    pub fn read(path: &Path) -> Result<Self, ArrayError> {
        let mut arrays = Arrays::open(path)?;
        let pooled = read_from(&mut arrays, "mu", "sigma")?;
        let spatial = read_from(&mut arrays, "mu_s", "sigma_s")?;
        Ok(Self { pooled, spatial })
    }

    /// Reads the images, uint8 `[N, C, H, W]`.
    ///
    /// # Errors
    /// Those of [`read_images`].
    pub fn images(path: &Path) -> Result<Array4<u8>, ArrayError> {
        read_images(path, Layout::Detect)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::super::statistics::write_archive;
    use super::*;

    #[test]
    fn both_statistics_and_the_images_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reference.npz");
        let images = Array4::from_shape_fn((2, 4, 5, 3), |(n, i, j, c)| (n + 7 * i + 5 * j + c) as u8);
        write_archive(&path, |archive| {
            archive.add("arr_0", &images)?;
            archive.add("mu", &Array1::from_elem(3, 0.5f32))?;
            archive.add("sigma", &Array2::<f64>::eye(3))?;
            archive.add("mu_s", &Array1::from_elem(2, 1.5f64))?;
            archive.add("sigma_s", &(2.0 * Array2::<f64>::eye(2)))
        })
        .unwrap();
        let reference = AdmReference::read(&path).unwrap();
        assert_eq!((reference.pooled.mean.len(), reference.spatial.covariance[[1, 1]]), (3, 2.0));
        assert_eq!(reference.pooled.count, None);
        assert_eq!(AdmReference::images(&path).unwrap(), images.permuted_axes([0, 3, 1, 2]));

        write_archive(&path, |archive| {
            archive.add("mu", &Array1::from_elem(3, 0.5))?;
            archive.add("sigma", &Array2::<f64>::eye(3))
        })
        .unwrap();
        assert!(AdmReference::read(&path).unwrap_err().to_string().contains("`mu_s`"));
    }
}
