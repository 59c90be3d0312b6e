//! Image files in and out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lzn_data::{ImageConfig, read_image};
use lzn_tasks::Lzn;
use lzn_tasks::data::{colour, to_tensor};
use ndarray::{Array4, Axis};
use tch::{Device, Kind, Tensor};

/// Reads files as the model takes them: resized by the shorter side, centre-cropped, grey or colour. `[n, C, H, W]` in [-1, 1].
pub(crate) fn read(model: &Lzn, files: &[PathBuf]) -> Result<Tensor> {
    let config = ImageConfig { size: model.image.size, colour: colour(model.image.channels) };
    let mut all = Array4::zeros((files.len(), model.image.channels, model.image.size, model.image.size));
    for (mut slot, file) in all.axis_iter_mut(Axis(0)).zip(files) {
        slot.assign(&read_image(file, &config)?);
    }
    Ok(to_tensor(&all, model.device()))
}

/// Images `[n, C, H, W]` uint8 of a tensor as an array.
pub(crate) fn array(images: &Tensor) -> Result<Array4<u8>> {
    let (n, c, h, w) = images.size4()?;
    let bytes: Vec<u8> = images.to_device(Device::Cpu).to_kind(Kind::Uint8).contiguous().view([-1]).try_into()?;
    Ok(Array4::from_shape_vec((n as usize, c as usize, h as usize, w as usize), bytes)?)
}

/// Writes bytes to a file; the error names it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
