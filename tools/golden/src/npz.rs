//! Tensors in the archives of numpy.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpzError, ReadableElement};

use crate::case::Stored;

/// All tensors of a file, with their names.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, Stored)>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut archive = NpzReader::new(file).with_context(|| format!("{}: not a valid npz file", path.display()))?;
    let names = archive.names().with_context(|| path.display().to_string())?;
    names
        .into_iter()
        .map(|name| {
            let stored = tensor(&mut archive, &name).with_context(|| format!("{}: tensor `{name}`", path.display()))?;
            Ok((name, stored))
        })
        .collect()
}

fn tensor(archive: &mut NpzReader<File>, name: &str) -> Result<Stored> {
    if let Some(values) = elements::<u8>(archive, name)? {
        return Ok(Stored::Integer(values.mapv(i64::from)));
    }
    if let Some(values) = elements::<i64>(archive, name)? {
        return Ok(Stored::Integer(values));
    }
    if let Some(values) = elements::<f32>(archive, name)? {
        return Ok(Stored::Float(values.mapv(f64::from)));
    }
    if let Some(values) = elements::<f64>(archive, name)? {
        return Ok(Stored::Float(values));
    }
    bail!("elements of this type are not read here")
}

/// The tensor if its elements are of this type.
fn elements<T: ReadableElement>(archive: &mut NpzReader<File>, name: &str) -> Result<Option<ArrayD<T>>> {
    match archive.by_name::<OwnedRepr<T>, IxDyn>(name) {
        Ok(values) => Ok(Some(values)),
        Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(_))) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
