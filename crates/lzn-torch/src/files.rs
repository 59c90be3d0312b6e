//! Tensors in safetensors files, written all or nothing and checked when read.
//!
//! A checksum over names, shapes, values and metadata goes into the header, because the format itself does not notice a flipped bit.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};
use tch::{Device, Kind, Tensor};

use crate::TorchError;

/// Key of the checksum among the metadata of a file; [`load`] takes it out again.
const CHECKSUM: &str = "lzn.crc32";

/// What a file holds: tensors by name, on the CPU, and the metadata.
pub type Contents = (HashMap<String, Tensor>, BTreeMap<String, String>);

/// Writes tensors and metadata to `path`, replacing what is there. The folder must exist.
///
/// # Errors
/// [`TorchError::Io`] when the file cannot be written (a full disk, for one) and [`TorchError::Format`] for a tensor of a kind
/// that the format has no name for. In both cases a former file at `path` is unharmed.
pub fn save(path: &Path, tensors: &[(String, Tensor)], metadata: &BTreeMap<String, String>) -> Result<(), TorchError> {
    let views = tensors
        .iter()
        .map(|(name, tensor)| Ok((name.as_str(), HostTensor::new(path, name, tensor)?)))
        .collect::<Result<BTreeMap<_, _>, TorchError>>()?;
    let checksum = checksum(views.iter().map(|(name, view)| (*name, view)), metadata);
    let mut header: HashMap<String, String> = metadata.clone().into_iter().collect();
    header.insert(CHECKSUM.to_owned(), checksum);

    let bytes = safetensors::serialize(views, Some(header)).map_err(|e| explain(path, e))?;
    let io_error = |source| TorchError::Io { path: path.to_owned(), source };
    lzn_files::replace(path, io_error, |file| file.write_all(&bytes).map_err(io_error))
}

/// Reads all tensors and the metadata of a file. Files without a checksum, such as those of other programs, are read as well.
///
/// # Errors
/// [`TorchError::Io`] when the file cannot be read; [`TorchError::Format`] when it is truncated, is not a safetensors file, has
/// a tensor kind that libtorch has not, or does not have the values that it was saved with.
pub fn load(path: &Path) -> Result<Contents, TorchError> {
    parse(&fs::read(path).map_err(|source| TorchError::Io { path: path.to_owned(), source })?, path)
}

/// As [`load`], from the bytes of a file; errors call them `path`.
///
/// # Errors
/// [`TorchError::Format`] as for [`load`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<Contents, TorchError> {
    // torch.save writes a zip archive, in old versions a pickle that begins with its magic number. Neither can be the length of a
    // header, which is where safetensors files begin.
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02\x8a\x0a") {
        return Err(damaged(path, "it is in the format of torch.save (.pt, .pth, .bin)".to_owned()));
    }
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| explain(path, e))?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| explain(path, e))?;
    let mut metadata: BTreeMap<String, String> = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let views: BTreeMap<&str, _> = file.iter().collect();
    if let Some(stated) = metadata.remove(CHECKSUM)
        && stated != checksum(views.iter().map(|(name, view)| (*name, view)), &metadata)
    {
        return Err(damaged(path, "its values differ from those that were saved (checksum)".to_owned()));
    }
    let mut tensors = HashMap::with_capacity(views.len());
    for (name, view) in views {
        let kind = kind_of(view.dtype())
            .ok_or_else(|| damaged(path, format!("tensor `{name}` has the unknown kind {:?}", view.dtype())))?;
        let shape: Vec<i64> = view.shape().iter().map(|n| *n as i64).collect();
        tensors.insert(name.to_owned(), Tensor::f_from_data_size(view.data(), &shape, kind)?);
    }
    Ok((tensors, metadata))
}

/// A tensor in host memory, ready to be written.
struct HostTensor {
    tensor: Tensor,
    dtype: Dtype,
    shape: Vec<usize>,
}

impl HostTensor {
    fn new(path: &Path, name: &str, tensor: &Tensor) -> Result<Self, TorchError> {
        let kind = tensor.f_kind()?;
        let dtype = dtype_of(kind)
            .ok_or_else(|| damaged(path, format!("tensor `{name}` of kind {kind:?} has no place in this format")))?;
        let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
        let shape = tensor.size().iter().map(|n| *n as usize).collect();
        Ok(Self { tensor, dtype, shape })
    }
}

impl View for HostTensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = vec![0; self.data_len()];
        self.tensor.copy_data_u8(&mut bytes, self.tensor.numel());
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.dtype.bitsize() / 8
    }
}

/// CRC-32 over everything that a file says, in the order of names.
fn checksum<'a, V: View + 'a>(
    views: impl Iterator<Item = (&'a str, &'a V)>,
    metadata: &BTreeMap<String, String>,
) -> String {
    let mut hasher = crc32fast::Hasher::new();
    // Lengths keep neighbouring entries apart.
    let mut entry = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for (key, value) in metadata {
        entry(key.as_bytes());
        entry(value.as_bytes());
    }
    for (name, view) in views {
        entry(name.as_bytes());
        entry(format!("{:?}{:?}", view.dtype(), view.shape()).as_bytes());
        entry(&view.data());
    }
    format!("{:08x}", hasher.finalize())
}

const KINDS: [(Kind, Dtype); 9] = [
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
    (Kind::Half, Dtype::F16),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Int64, Dtype::I64),
    (Kind::Int, Dtype::I32),
    (Kind::Uint8, Dtype::U8),
    (Kind::Int8, Dtype::I8),
    (Kind::Bool, Dtype::BOOL),
];

fn dtype_of(kind: Kind) -> Option<Dtype> {
    KINDS.iter().find(|(k, _)| *k == kind).map(|(_, dtype)| *dtype)
}

fn kind_of(dtype: Dtype) -> Option<Kind> {
    KINDS.iter().find(|(_, d)| *d == dtype).map(|(kind, _)| *kind)
}

fn explain(path: &Path, error: SafeTensorError) -> TorchError {
    match error {
        SafeTensorError::IoError(source) => TorchError::Io { path: path.to_owned(), source },
        other => damaged(path, other.to_string()),
    }
}

fn damaged(path: &Path, reason: String) -> TorchError {
    TorchError::Format { path: PathBuf::from(path), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Vec<(String, Tensor)>, BTreeMap<String, String>) {
        let tensors = vec![
            ("b".to_owned(), Tensor::from_slice(&[1f32, -2.5, 3.0, 4.0, 5.0, 6.0]).view([2, 3]).transpose(0, 1)),
            ("a".to_owned(), Tensor::from_slice(&[1i64, 2])),
            ("scalar".to_owned(), Tensor::from(0.1f64)),
            ("empty".to_owned(), Tensor::zeros([0, 3], (Kind::Uint8, Device::Cpu))),
        ];
        (tensors, [("step", "7"), ("config", "a = \"ä\"\n")].map(|(k, v)| (k.to_owned(), v.to_owned())).into())
    }

    fn saved() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let (tensors, metadata) = example();
        save(&path, &tensors, &metadata).unwrap();
        (folder, path)
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let (folder, path) = saved();
        let (tensors, metadata) = example();
        let (loaded, loaded_metadata) = load(&path).unwrap();
        assert_eq!(loaded_metadata, metadata);
        assert_eq!(loaded.len(), tensors.len());
        for (name, tensor) in tensors {
            assert_eq!((loaded[&name].kind(), loaded[&name].size()), (tensor.kind(), tensor.size()), "{name}");
            assert_eq!(loaded[&name], tensor, "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "an unfinished file was left behind");
    }

    #[test]
    fn no_flipped_bit_and_no_truncation_changes_values_unnoticed() {
        let (_folder, path) = saved();
        let bytes = fs::read(&path).unwrap();
        let (tensors, metadata) = example();
        let mut noticed = 0;
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&path, &flipped).unwrap();
            match load(&path) {
                Err(_) => noticed += 1,
                // The spelling of the checksum's own key was hit: nothing else may differ.
                Ok((loaded, kept)) => {
                    assert!(tensors.iter().all(|(name, tensor)| loaded[name] == *tensor), "byte {at}");
                    assert!(metadata.iter().all(|(key, value)| kept.get(key) == Some(value)), "byte {at}");
                }
            }
            fs::write(&path, &bytes[..at]).unwrap();
            assert!(load(&path).is_err(), "truncation to {at} bytes was not noticed");
        }
        assert!(noticed > bytes.len() / 2, "{noticed} of {}", bytes.len());
    }

    #[test]
    fn files_of_torch_save_are_recognised() {
        for bytes in [b"PK\x03\x04 and so on".as_slice(), b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 and so on"] {
            let message = parse(bytes, Path::new("model.pt")).unwrap_err().to_string();
            assert!(message.contains("model.pt") && message.contains("torch.save"), "{message}");
        }
    }

    #[test]
    fn a_failed_save_leaves_the_former_file_and_names_the_path() {
        let (_folder, path) = saved();
        let before = fs::read(&path).unwrap();
        let complex = Tensor::zeros([1], (Kind::ComplexFloat, Device::Cpu));
        let error = save(&path, &[("z".to_owned(), complex)], &BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("x.safetensors") && error.contains("`z`"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
        let error = save(Path::new("/nonexistent/folder/y"), &[], &BTreeMap::new()).unwrap_err();
        assert!(matches!(&error, TorchError::Io { .. }) && error.to_string().contains("/nonexistent/folder/y"));
    }
}
