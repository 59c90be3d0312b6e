//! Finished pieces of an evaluation, so that one that was interrupted goes on where it stopped.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ndarray::Array4;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::TaskError;
use crate::run::RunError;

/// Pieces by name and key. The key holds everything that the piece depends on; its digest is part of the file's name, so that a piece
/// of other weights or settings is never taken. Without a folder nothing is kept.
#[derive(Debug, Clone)]
pub struct Parts {
    folder: Option<PathBuf>,
}

impl Parts {
    /// Pieces in `folder`, which is made when the first is finished; with `None` every piece is made anew.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// A value that JSON can hold: the kept one, or what `make` makes.
    ///
    /// # Errors
    /// Those of `make`; [`TaskError::Run`] if the piece cannot be written.
    pub fn value<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        key: &Value,
        make: impl FnOnce() -> Result<T, TaskError>,
    ) -> Result<T, TaskError> {
        let Some(path) = self.path(name, key, "json") else { return make() };
        if let Some(kept) = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            return Ok(kept);
        }
        let value = make()?;
        write(&path, &serde_json::to_vec_pretty(&value).unwrap_or_default())?;
        Ok(value)
    }

    /// Images `[n, C, H, W]` uint8: the kept ones, or what `make` makes.
    ///
    /// # Errors
    /// As [`Parts::value`].
    pub fn images(
        &self,
        name: &str,
        key: &Value,
        make: impl FnOnce() -> Result<Array4<u8>, TaskError>,
    ) -> Result<Array4<u8>, TaskError> {
        let Some(path) = self.path(name, key, "npy") else { return make() };
        if let Ok(kept) = ndarray_npy::read_npy(&path) {
            return Ok(kept);
        }
        let images = make()?;
        let mut bytes = Vec::new();
        ndarray_npy::WriteNpyExt::write_npy(&images, &mut bytes)
            .map_err(|error| TaskError::Run(RunError::io(&path)(std::io::Error::other(error))))?;
        write(&path, &bytes)?;
        Ok(images)
    }

    fn path(&self, name: &str, key: &Value, ending: &str) -> Option<PathBuf> {
        let digest = hex(&Sha256::digest(key.to_string()));
        Some(self.folder.as_ref()?.join(format!("{name}-{}.{ending}", &digest[..12])))
    }
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), TaskError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(RunError::io(folder))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(RunError::io(folder))?;
    file.write_all(bytes).map_err(RunError::io(path))?;
    file.persist(path).map_err(|error| RunError::io(path)(error.error))?;
    Ok(())
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
