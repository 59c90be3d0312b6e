//! Finished pieces of an evaluation, so that one that was interrupted goes on where it stopped.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use ndarray::Array4;
use ndarray_npy::WriteNpyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::features::make_folder_of;
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
    /// Those of `make`; [`TaskError`] names the piece that cannot be written.
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
        let text = serde_json::to_vec_pretty(&value).unwrap_or_default();
        write(&path, |file| file.write_all(&text))?;
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
        write(&path, |file| images.write_npy(file).map_err(std::io::Error::other))?;
        Ok(images)
    }

    fn path(&self, name: &str, key: &Value, ending: &str) -> Option<PathBuf> {
        let digest = format!("{:x}", Sha256::digest(key.to_string()));
        Some(self.folder.as_ref()?.join(format!("{name}-{}.{ending}", &digest[..12])))
    }
}

/// Gives a file its whole content, and makes its folder if need be.
fn write(path: &Path, content: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<(), TaskError> {
    make_folder_of(path)?;
    let failed = RunError::io(path);
    Ok(lzn_files::replace(path, &failed, |file| content(file).map_err(&failed))?)
}
