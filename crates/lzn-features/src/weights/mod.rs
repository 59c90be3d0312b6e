//! Weights in the files that people have: safetensors, `torch.save` in its old and its present form, TorchScript.
//!
//! Nothing in these files is executed: of the pickles, only what describes tensors is understood, and the code of
//! TorchScript is passed over.

mod archive;
mod legacy;
mod pickle;
mod storage;
mod walk;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use lzn_torch::{ParamStore, TorchError, files};
use sha2::{Digest, Sha256};
use tch::Tensor;

use crate::FeatureError;

/// The contents of a file of weights.
#[derive(Debug)]
pub struct Weights {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the whole file, in hexadecimal.
    pub sha256: String,
    /// Tensors by name, in host memory. Counters of normalisations (`num_batches_tracked`) are left out.
    pub tensors: HashMap<String, Tensor>,
    /// Metadata of a safetensors file.
    pub metadata: BTreeMap<String, String>,
}

impl Weights {
    /// Reads a file, of whichever format.
    ///
    /// # Errors
    /// [`FeatureError::Io`] when it cannot be read, [`FeatureError::Format`] or [`FeatureError::Torch`] when it is
    /// damaged or holds no tensors.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let bytes = read(path)?;
        let (mut tensors, metadata) = if bytes.starts_with(b"PK\x03\x04") {
            (archive::read(&bytes).map_err(|reason| damaged(path, reason))?, BTreeMap::new())
        } else if bytes.starts_with(legacy::START) {
            (legacy::read(&bytes).map_err(|reason| damaged(path, reason))?, BTreeMap::new())
        } else {
            files::parse(&bytes, path)?
        };
        tensors.retain(|name, _| !name.ends_with("num_batches_tracked"));
        Ok(Self { path: path.to_owned(), sha256: digest(&bytes), tensors, metadata })
    }

    /// What a table of digests calls this file.
    pub(crate) fn known(&self, table: &[(&str, &str)]) -> Option<String> {
        table.iter().find(|(digest, _)| *digest == self.sha256).map(|(_, name)| (*name).to_owned())
    }

    /// Overwrites all parameters of a network.
    ///
    /// # Errors
    /// [`FeatureError::Weights`] names what is missing, left over or of another shape; then nothing was changed.
    pub(crate) fn fill(&self, store: &ParamStore, network: &str) -> Result<(), FeatureError> {
        store.load(&self.tensors).map_err(|error| match error {
            TorchError::Weights { problems } => {
                FeatureError::Weights { path: self.path.clone(), network: network.to_owned(), problems }
            }
            other => other.into(),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FeatureError> {
    fs::read(path).map_err(|source| FeatureError::Io { path: path.to_owned(), source })
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn digest_of(path: &Path) -> Result<String, FeatureError> {
    Ok(digest(&read(path)?))
}

fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn damaged(path: &Path, reason: String) -> FeatureError {
    FeatureError::Format { path: path.to_owned(), reason }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
