//! An open file.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::archive::Archive;
use crate::node::{Id, Node, check_depth};
use crate::tensor::TensorInfo;
use crate::{Limits, PtError, Value, machine};

/// A file of `torch.save`: its values at once, the numbers of its tensors when they are asked for.
#[derive(Debug)]
pub struct PtFile {
    path: PathBuf,
    archive: Archive,
    nodes: Vec<Node>,
    root: Id,
    /// Memory that was read last: neighbouring tensors often share theirs.
    newest: RefCell<Option<(String, Rc<Vec<u8>>)>>,
    /// Bytes that may still be read.
    budget: Cell<u64>,
}

/// How many times its own size may be read from a file. Once is enough unless tensors share memory out of order.
const READS: u64 = 8;

impl PtFile {
    /// Opens a file with the default limits.
    ///
    /// # Errors
    /// [`PtError`] names the file and why it is refused.
    pub fn open(path: &Path) -> Result<Self, PtError> {
        Self::open_within(path, &Limits::default())
    }

    /// Opens a file.
    ///
    /// # Errors
    /// As [`PtFile::open`].
    pub fn open_within(path: &Path, limits: &Limits) -> Result<Self, PtError> {
        let archive = Archive::open(path, limits)?;
        let refused = PtError::refused(path);
        if let Some(order) = archive.entry("byteorder")
            && (order.size > 16 || archive.read("byteorder")? != b"little")
        {
            return Err(refused(
                "its numbers are not little-endian; save it again on a machine where they are".to_owned(),
            ));
        }
        if let Some(program) = archive.entry(PICKLE).filter(|entry| entry.size > limits.pickle_bytes) {
            return Err(refused(format!("its pickle has {} bytes, more than {}", program.size, limits.pickle_bytes)));
        }
        let (nodes, root) = machine::run(&archive.read(PICKLE)?, limits).map_err(&refused)?;
        check_depth(&nodes, root, limits).map_err(&refused)?;
        let mut whole = 0u64;
        for node in &nodes {
            if let Node::Tensor(tensor) = node {
                whole = whole.max(check_storage(&archive, tensor).map_err(&refused)?);
            }
        }
        let length = std::fs::metadata(path).map_err(PtError::io(path))?.len();
        let budget = Cell::new(length.saturating_mul(READS).max(whole));
        Ok(Self { path: path.to_owned(), archive, nodes, root, newest: RefCell::default(), budget })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was saved.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value::new(&self.nodes, self.root)
    }

    /// The numbers of a tensor of this file, row-major and little-endian: as many bytes as its shape says.
    ///
    /// # Errors
    /// [`PtError`] if the file cannot be read, or holds other bytes than were saved.
    pub fn bytes(&self, tensor: &TensorInfo) -> Result<Vec<u8>, PtError> {
        let key = &tensor.storage().key;
        let mut newest = self.newest.borrow_mut();
        let storage = match &*newest {
            Some((there, storage)) if there == key => storage.clone(),
            _ => {
                let storage = Rc::new(self.read(key)?);
                *newest = Some((key.clone(), storage.clone()));
                storage
            }
        };
        Ok(tensor.gather(&storage))
    }

    fn read(&self, key: &str) -> Result<Vec<u8>, PtError> {
        let name = entry_name(key);
        let size = self.archive.entry(&name).map_or(0, |entry| entry.size);
        let left = self.budget.get().checked_sub(size);
        let reason = || format!("its tensors share memory in such a way that it would be read more than {READS} times");
        self.budget.set(left.ok_or_else(|| PtError::refused(&self.path)(reason()))?);
        self.archive.read(&name)
    }
}

const PICKLE: &str = "data.pkl";

fn entry_name(key: &str) -> String {
    format!("data/{key}")
}

/// Refuses a tensor whose memory is not in the file as large as it says.
fn check_storage(archive: &Archive, tensor: &TensorInfo) -> Result<u64, String> {
    let storage = tensor.storage();
    let name = entry_name(&storage.key);
    let entry =
        archive.entry(&name).ok_or_else(|| format!("its entry `{name}`, the memory of a tensor, is missing"))?;
    match (storage.len as u64).checked_mul(storage.dtype.size() as u64) {
        Some(size) if size == entry.size => Ok(size),
        _ => Err(format!(
            "a tensor claims {} elements of {} bytes in `{name}`, which has {} bytes",
            storage.len,
            storage.dtype.size(),
            entry.size
        )),
    }
}
