//! Image files in and out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lzn_tasks::data::{image_config, read_files, to_tensor};
use lzn_tasks::{Lzn, Weights};
use ndarray::{Array, Array4, Dimension};
use ndarray_npy::WritableElement;
use tch::Tensor;

use crate::say::note;

/// Reads files as the model takes them: resized by the shorter side, centre-cropped, grey or colour. `[n, C, H, W]` in [-1, 1].
pub(crate) fn read(weights: &Weights, files: &[PathBuf]) -> Result<Tensor> {
    note_company(&weights.model);
    Ok(to_tensor(&read_bytes(weights, files)?, weights.model.device()))
}

/// Says so if latents of images depend on the others that are given.
pub(crate) fn note_company(model: &Lzn) {
    if model.encoder().is_some() && model.bank().is_none() {
        note(format_args!("note: this model has no anchor bank, so latents depend on which images are given together"));
    }
}

/// As [`read`], `[n, C, H, W]` uint8.
pub(crate) fn read_bytes(weights: &Weights, files: &[PathBuf]) -> Result<Array4<u8>> {
    Ok(read_files(files, &image_config(&weights.config.data))?)
}

/// Refuses a place where no file can be written, before work is spent on its content.
pub(crate) fn check_place(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        bail!(
            "cannot write {}: there is no folder {}; make it, or choose another place",
            path.display(),
            folder.display()
        );
    }
    if path.is_dir() {
        bail!("cannot write {}: it is a folder; give the name of a file", path.display());
    }
    Ok(())
}

/// Writes an array as an npy file; the error names it.
pub(crate) fn write_array<A: WritableElement, D: Dimension>(path: &Path, array: &Array<A, D>) -> Result<()> {
    ndarray_npy::write_npy(path, array).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes bytes to a file; the error names it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
