//! Files from before PyTorch 1.6: pickles one after the other, then the memory of each tensor after its length.
//!
//! The published weights of FID are such a file. They come without checksums, so damage to numbers goes unnoticed here.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::archive::{Archive, Entry};
use crate::file::entry_name;
use crate::machine::{self, Made};
use crate::node::Node;
use crate::{Limits, PtError};

/// The pickle of a magic number, with which such files begin.
const START: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// The only version that there was.
const VERSION: i64 = 1001;

/// Whether a file is of this kind.
pub(crate) fn is(path: &Path) -> Result<bool, PtError> {
    let file = File::open(path).map_err(PtError::io(path))?;
    let mut start = Vec::new();
    file.take(START.len() as u64).read_to_end(&mut start).map_err(PtError::io(path))?;
    Ok(start == START)
}

/// Version, machine, the saved value, names of memories, and each memory.
pub(crate) fn open(path: &Path, limits: &Limits) -> Result<(Archive, Made), PtError> {
    let mut file = File::open(path).map_err(PtError::io(path))?;
    let length = file.metadata().map_err(PtError::io(path))?.len();
    let mut bytes = Vec::new();
    file.by_ref().take(limits.pickle_bytes).read_to_end(&mut bytes).map_err(PtError::io(path))?;
    let refused = PtError::refused(path);
    let (made, keys, at) = pickles(&bytes, limits).map_err(&refused)?;
    let mut sizes = HashMap::new();
    for node in &made.nodes {
        if let Node::Storage(storage) = node {
            sizes.insert(storage.key.as_str(), (storage.len as u64, storage.dtype.size() as u64));
        }
    }
    let mut at = at as u64;
    let mut entries = HashMap::new();
    for key in keys {
        let beyond = || refused(format!("the memory `{key}` of a tensor reaches beyond the end; copy the file again"));
        let mut stated = [0; 8];
        file.seek(SeekFrom::Start(at)).map_err(PtError::io(path))?;
        file.read_exact(&mut stated).map_err(|_| beyond())?;
        let stated = u64::from_le_bytes(stated);
        let &(count, size) =
            sizes.get(key.as_str()).ok_or_else(|| refused(format!("no tensor has the memory `{key}`")))?;
        if stated != count {
            return Err(refused(format!("the memory `{key}` of a tensor has {stated} elements, {count} are claimed")));
        }
        let start = at + 8;
        let end = count.checked_mul(size).and_then(|size| start.checked_add(size)).filter(|end| *end <= length);
        at = end.ok_or_else(beyond)?;
        entries.insert(entry_name(&key), Entry { start, size: at - start, crc32: None });
    }
    Ok((Archive { path: path.to_owned(), entries }, made))
}

/// The saved value, the names of memories in their order, and where the first memory begins.
fn pickles(bytes: &[u8], limits: &Limits) -> Result<(Made, Vec<String>, usize), String> {
    let mut at = START.len();
    let mut next = || {
        let made = machine::run(&bytes[at..], limits)?;
        at += made.length;
        Ok::<_, String>(made)
    };
    let version = next()?;
    if !matches!(version.nodes[version.root as usize], Node::Int(VERSION)) {
        return Err(format!("it is not of version {VERSION}; save it again with torch.save"));
    }
    next()?;
    let made = next()?;
    let list = next()?;
    let keys = match &list.nodes[list.root as usize] {
        Node::List(keys) => keys.iter().map(|key| match &list.nodes[*key as usize] {
            Node::Text(key) => Some(key.clone()),
            _ => None,
        }),
        other => return Err(format!("it has {} in the place of names of memories", other.kind())),
    };
    let keys = keys.collect::<Option<Vec<_>>>().ok_or("the name of a memory is no text")?;
    Ok((made, keys, at))
}
