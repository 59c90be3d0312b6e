//! Data bases of LMDB, as LSUN is distributed: a folder with `data.mdb`, whose values are image files in WebP, JPEG or PNG.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use heed::types::Bytes;
use heed::{Database, Env, EnvFlags, EnvOpenOptions};

use crate::encoded::{EncodedImages, Store};
use crate::{DataError, ImageConfig};

/// The images of a data base, in the order of their keys. They have no labels.
pub type LmdbImages = EncodedImages<Records>;

/// The records of a data base.
#[derive(Clone)]
pub struct Records {
    path: PathBuf,
    environment: Arc<Env>,
    records: Database<Bytes, Bytes>,
    keys: Arc<[Box<[u8]>]>,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("path", &self.path).field("len", &self.keys.len()).finish_non_exhaustive()
    }
}

/// Opens the data base in `folder` for reading.
///
/// # Errors
/// [`DataError::Missing`] when there is no `data.mdb`; [`DataError::Damaged`] when it cannot be read; [`DataError::Empty`].
pub fn open(folder: &Path, config: ImageConfig) -> Result<LmdbImages, DataError> {
    let file = folder.join("data.mdb");
    if !file.is_file() {
        let remedy = "give the folder that the data base was unpacked to".to_owned();
        return Err(DataError::Missing { path: file, remedy });
    }
    let damaged = |error: heed::Error| DataError::Damaged {
        path: file.clone(),
        reason: format!("is no data base of LMDB, or a damaged one ({error})"),
        remedy: "unpack it again",
    };
    let environment = environment(folder).map_err(damaged)?;
    let transaction = environment.read_txn().map_err(damaged)?;
    let records: Option<Database<Bytes, Bytes>> = environment.open_database(&transaction, None).map_err(damaged)?;
    let empty = || DataError::Empty { path: file.clone(), remedy: "give a data base of images" };
    let records = records.ok_or_else(empty)?;
    let keys = records.iter(&transaction).map_err(damaged)?.map(|record| record.map(|(key, _)| Box::from(key)));
    let keys: Arc<[Box<[u8]>]> = keys.collect::<Result<_, _>>().map_err(damaged)?;
    drop(transaction);
    if keys.is_empty() {
        return Err(empty());
    }
    let records = Records { path: folder.to_owned(), environment, records, keys };
    LmdbImages::new(records, Vec::new(), config)
}

/// Opens the data base for reading, or gives what is open: a process may open one only once.
fn environment(folder: &Path) -> Result<Arc<Env>, heed::Error> {
    static OPEN: Mutex<BTreeMap<PathBuf, Weak<Env>>> = Mutex::new(BTreeMap::new());
    // A map of places is whole at every moment.
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = folder.canonicalize().map_err(heed::Error::Io)?;
    if let Some(environment) = open.get(&path).and_then(Weak::upgrade) {
        return Ok(environment);
    }
    let mut options = EnvOpenOptions::new();
    // SAFETY: LMDB maps the file into memory. It is opened for reading alone, and without a lock file, since data sets lie on disks
    // that may not be written to; what that asks for, that nobody writes to the data base meanwhile, is asked for in docs/data.md.
    let environment = Arc::new(unsafe {
        options.flags(EnvFlags::READ_ONLY | EnvFlags::NO_LOCK);
        options.open(&path)
    }?);
    open.insert(path, Arc::downgrade(&environment));
    Ok(environment)
}

impl Store for Records {
    fn len(&self) -> usize {
        self.keys.len()
    }

    fn label(&self, _: usize) -> Option<i64> {
        None
    }

    fn name(&self, index: usize) -> PathBuf {
        self.path.join(&*String::from_utf8_lossy(&self.keys[index]))
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let failed =
            |error: heed::Error| DataError::Io { path: self.name(index), source: std::io::Error::other(error) };
        let transaction = self.environment.read_txn().map_err(failed)?;
        let value = self.records.get(&transaction, &self.keys[index]).map_err(failed)?;
        let gone = || DataError::Missing { path: self.name(index), remedy: "open the data base again".to_owned() };
        value.map(<[u8]>::to_vec).ok_or_else(gone)
    }
}
