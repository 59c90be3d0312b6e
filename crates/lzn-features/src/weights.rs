//! Weights in the files that people have: safetensors, `torch.save` in its old and its present form, TorchScript.
//!
//! Nothing in these files is executed: `lzn-pickle` reads them as data, and passes over the code of TorchScript.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use lzn_pickle::PtFile;
use lzn_torch::{ParamStore, TorchError, files, pickled};
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
    /// Tensors by name, in host memory; members of dictionaries and modules have dots between. Counters of normalisations
    /// (`num_batches_tracked`) are left out.
    pub tensors: HashMap<String, Tensor>,
    /// Metadata of a safetensors file.
    pub metadata: BTreeMap<String, String>,
}

impl Weights {
    /// Reads a file, of whichever format.
    ///
    /// # Errors
    /// [`FeatureError::Io`] when it cannot be read; [`FeatureError::Pickle`], [`FeatureError::Format`] or
    /// [`FeatureError::Torch`] when it is damaged or holds no tensors.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let bytes = read(path)?;
        let of_torch = bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80");
        let (mut tensors, metadata) =
            if of_torch { (tensors(path)?, BTreeMap::new()) } else { files::parse(&bytes, path)? };
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

/// Most values that are looked at for tensors; a network has some thousands.
const VALUES: usize = 100_000;

/// All tensors of a file of torch.
fn tensors(path: &Path) -> Result<HashMap<String, Tensor>, FeatureError> {
    let file = PtFile::open(path)?;
    let refused = |reason: String| FeatureError::Format { path: path.to_owned(), reason };
    let mut found = HashMap::new();
    let mut open = vec![(file.root(), String::new())];
    let mut seen = 0;
    while let Some((value, name)) = open.pop() {
        seen += 1;
        if seen > VALUES {
            return Err(refused(format!("it holds more than {VALUES} values, so no network")));
        }
        if let Some(tensor) = value.tensor() {
            found.insert(name, pickled::tensor(&file.bytes(tensor)?, tensor)?);
            continue;
        }
        for (key, value) in value.entries().into_iter().flatten() {
            let Some(key) = key.text() else { continue };
            open.push((value, if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") }));
        }
    }
    if found.is_empty() { Err(refused("there are no tensors in it".to_owned())) } else { Ok(found) }
}

fn read(path: &Path) -> Result<Vec<u8>, FeatureError> {
    fs::read(path).map_err(|source| FeatureError::Io { path: path.to_owned(), source })
}

fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}
