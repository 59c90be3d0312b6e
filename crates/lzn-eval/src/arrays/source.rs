//! A `.npy` or `.npz` file that is open for reading.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ndarray::{Array, ArrayD, Dimension};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpyExt, ReadNpzError, ReadableElement};
use zip::ZipArchive;

use super::{ArrayError, claim};

/// How the two kinds of files begin.
const NPY: &[u8] = b"\x93NUMPY";
const ZIP: &[u8] = b"PK";

/// The arrays of one file. The content decides which kind it is, not the name.
///
/// Archives carry a CRC-32 of every array, which reading checks.
pub(crate) struct Arrays {
    path: PathBuf,
    content: Content,
    names: Vec<String>,
}

enum Content {
    One(File),
    Archive {
        arrays: NpzReader<BufReader<File>>,
        /// The same file, to look at headers before arrays are read.
        entries: ZipArchive<BufReader<File>>,
    },
}

/// An array of numbers as it is in the file.
pub(crate) enum Numbers {
    F64(ArrayD<f64>),
    F32(ArrayD<f32>),
}

impl Arrays {
    pub(crate) fn open(path: &Path) -> Result<Self, ArrayError> {
        let mut file = File::open(path).map_err(ArrayError::io(path))?;
        let mut start = Vec::new();
        file.by_ref().take(NPY.len() as u64).read_to_end(&mut start).map_err(ArrayError::io(path))?;
        file.seek(SeekFrom::Start(0)).map_err(ArrayError::io(path))?;
        if start == NPY {
            return Ok(Self { path: path.to_owned(), content: Content::One(file), names: vec![String::new()] });
        }
        if !start.starts_with(ZIP) {
            return Err(ArrayError::format(path, "this is neither a .npy nor a .npz file of NumPy"));
        }
        let damaged = |error: ReadNpzError| ArrayError::format(path, format!("the archive is damaged: {error}"));
        let mut arrays = NpzReader::new(BufReader::new(file)).map_err(damaged)?;
        let again = File::open(path).map_err(ArrayError::io(path))?;
        let entries = ZipArchive::new(BufReader::new(again)).map_err(|error| damaged(error.into()))?;
        let mut names = arrays.names().map_err(damaged)?;
        names.sort();
        Ok(Self { path: path.to_owned(), content: Content::Archive { arrays, entries }, names })
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.names.iter().any(|name| name == key)
    }

    /// The first of `keys` that is there, or the only array, whatever its name.
    pub(crate) fn choose(&self, keys: &[&str]) -> Result<String, ArrayError> {
        if let [only] = self.names.as_slice() {
            return Ok(only.clone());
        }
        let key = keys.iter().find(|key| self.has(key));
        key.map(|key| (*key).to_owned()).ok_or_else(|| self.missing(&keys.join("` or `")))
    }

    fn missing(&self, key: &str) -> ArrayError {
        ArrayError::Missing { path: self.path.clone(), key: key.to_owned(), found: self.names.clone() }
    }

    pub(crate) fn wrong(&self, key: &str, reason: impl ToString) -> ArrayError {
        ArrayError::array(&self.path, if key.is_empty() { "(the only one)" } else { key }, reason)
    }

    /// The array `key`, of exactly this type.
    pub(crate) fn read<T: ReadableElement, D: Dimension>(&mut self, key: &str) -> Result<Array<T, D>, ArrayError> {
        self.try_read(key)?.map_err(|error| self.wrong(key, error))
    }

    /// The inner error is of the array, the outer one of the file.
    fn try_read<T: ReadableElement, D: Dimension>(
        &mut self,
        key: &str,
    ) -> Result<Result<Array<T, D>, ReadNpyError>, ArrayError> {
        if !self.has(key) {
            return Err(self.missing(key));
        }
        self.check_claim(key)?;
        match &mut self.content {
            Content::One(file) => {
                file.seek(SeekFrom::Start(0)).map_err(ArrayError::io(&self.path))?;
                Ok(Array::read_npy(BufReader::new(&*file)))
            }
            Content::Archive { arrays, .. } => match arrays.by_name(key) {
                Ok(array) => Ok(Ok(array)),
                Err(ReadNpzError::Npy(error)) => Ok(Err(error)),
                Err(error) => Err(ArrayError::format(&self.path, format!("array `{key}`: {error}"))),
            },
        }
    }

    /// Refuses an array whose header claims more numbers than there can be, before memory is taken for them.
    fn check_claim(&mut self, key: &str) -> Result<(), ArrayError> {
        self.with_start(key, |start, available| claim::check(start, available))
    }

    /// The header of the array `key`, which is not read itself.
    pub(super) fn header(&mut self, key: &str) -> Result<String, ArrayError> {
        self.with_start(key, |start, _| claim::header(start))
    }

    /// Looks at the start of an array, of which at most so many bytes are there.
    fn with_start<T>(
        &mut self,
        key: &str,
        look: impl FnOnce(&mut dyn Read, u64) -> Result<T, String>,
    ) -> Result<T, ArrayError> {
        let length = std::fs::metadata(&self.path).map_err(ArrayError::io(&self.path))?.len();
        let outcome = match &mut self.content {
            Content::One(file) => {
                file.seek(SeekFrom::Start(0)).map_err(ArrayError::io(&self.path))?;
                look(&mut BufReader::new(&*file), length)
            }
            Content::Archive { entries, .. } => {
                let name = if entries.index_for_name(key).is_some() { key.to_owned() } else { format!("{key}.npy") };
                match entries.by_name(&name) {
                    Ok(mut entry) => {
                        let available = claim::available(entry.size(), entry.compressed_size(), length);
                        look(&mut entry, available)
                    }
                    Err(error) => Err(format!("is damaged: {error}; copy the file again")),
                }
            }
        };
        outcome.map_err(|reason| self.wrong(key, reason))
    }

    /// The array `key`, which may be in float64 or float32.
    pub(crate) fn read_numbers(&mut self, key: &str) -> Result<Numbers, ArrayError> {
        let wrong_type = match self.try_read(key)? {
            Ok(array) => return Ok(Numbers::F64(array)),
            Err(ReadNpyError::WrongDescriptor(found)) => found,
            Err(error) => return Err(self.wrong(key, error)),
        };
        match self.try_read(key)? {
            Ok(array) => Ok(Numbers::F32(array)),
            Err(ReadNpyError::WrongDescriptor(_)) => {
                let rule = "must be float64 or float32 in the byte order of this machine";
                Err(self.wrong(key, format!("{rule}, but its type is {wrong_type}")))
            }
            Err(error) => Err(self.wrong(key, error)),
        }
    }
}

impl Numbers {
    pub(crate) fn into_f64(self) -> ArrayD<f64> {
        match self {
            Self::F64(array) => array,
            Self::F32(array) => array.mapv(f64::from),
        }
    }

    /// Float64 values are rounded.
    pub(crate) fn into_f32(self) -> ArrayD<f32> {
        match self {
            Self::F64(array) => array.mapv(|value| value as f32),
            Self::F32(array) => array,
        }
    }
}
