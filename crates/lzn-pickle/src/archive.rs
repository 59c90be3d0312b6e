//! The zip archive around a pickle and the memory of tensors.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use crate::{Limits, PtError};

/// An entry whose bytes are known to lie in the file, apart from those of all others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    start: u64,
    pub(crate) size: u64,
    crc32: u32,
}

/// An open archive.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    /// By their names within the folder that all are in.
    entries: HashMap<String, Entry>,
}

impl Archive {
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Self, PtError> {
        let mut file = File::open(path).map_err(PtError::io(path))?;
        let length = file.metadata().map_err(PtError::io(path))?.len();
        let mut start = Vec::new();
        file.by_ref().take(4).read_to_end(&mut start).map_err(PtError::io(path))?;
        let refused = PtError::refused(path);
        if start.starts_with(b"\x80") {
            let reason =
                "it was written before PyTorch 1.6, or in that format; load it there and save it again with torch.save";
            return Err(refused(reason.to_owned()));
        }
        if start != b"PK\x03\x04" {
            return Err(refused("it is no zip archive, so no file of torch.save; give a .pt file".to_owned()));
        }
        let mut zip = ZipArchive::new(BufReader::new(file))
            .map_err(|error| refused(format!("its table of contents is damaged ({error}); copy it again")))?;
        if zip.len() > limits.entries {
            return Err(refused(format!("it has {} entries, more than {}", zip.len(), limits.entries)));
        }
        let mut all = Vec::with_capacity(zip.len());
        for index in 0..zip.len() {
            all.push(entry(&mut zip, index, length).map_err(&refused)?);
        }
        check_apart(&mut all).map_err(&refused)?;
        let prefix = prefix(&all).map_err(&refused)?;
        let inside = |(name, entry): (String, Entry)| Some((name.strip_prefix(&prefix)?.to_owned(), entry));
        Ok(Self { path: path.to_owned(), entries: all.into_iter().filter_map(inside).collect() })
    }

    pub(crate) fn entry(&self, name: &str) -> Option<Entry> {
        self.entries.get(name).copied()
    }

    /// Bytes of an entry, checked against their checksum.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, PtError> {
        let refused = |reason: &str| PtError::refused(&self.path)(format!("its entry `{name}` {reason}"));
        let entry = self.entry(name).ok_or_else(|| refused("is missing"))?;
        let mut file = File::open(&self.path).map_err(PtError::io(&self.path))?;
        file.seek(SeekFrom::Start(entry.start)).map_err(PtError::io(&self.path))?;
        let mut bytes = vec![0; usize::try_from(entry.size).map_err(|_| refused("is too large for this machine"))?];
        file.read_exact(&mut bytes).map_err(PtError::io(&self.path))?;
        if crc32fast::hash(&bytes) != entry.crc32 {
            return Err(refused("is not what was saved (checksum); copy the file again"));
        }
        Ok(bytes)
    }
}

fn entry<R: Read + Seek>(zip: &mut ZipArchive<R>, index: usize, length: u64) -> Result<(String, Entry), String> {
    let found = zip.by_index_raw(index).map_err(|error| format!("its entry {index} is damaged ({error})"))?;
    let name = found.name().to_owned();
    let entry = Entry { start: found.data_start(), size: found.size(), crc32: found.crc32() };
    if found.encrypted() || found.compression() != CompressionMethod::Stored || found.compressed_size() != entry.size {
        return Err(format!(
            "its entry `{name}` is compressed or encrypted, as torch.save never does; unpack and save it again"
        ));
    }
    if entry.start.checked_add(entry.size).is_none_or(|end| end > length) {
        return Err(format!(
            "its entry `{name}` of {} bytes reaches beyond the end of the file; copy it again",
            entry.size
        ));
    }
    Ok((name, entry))
}

/// Refuses entries that share bytes, with which a small file can hold much.
fn check_apart(entries: &mut [(String, Entry)]) -> Result<(), String> {
    entries.sort_by_key(|(_, entry)| (entry.start, entry.size));
    let overlaps = |pair: &&[(String, Entry)]| pair[0].1.start + pair[0].1.size > pair[1].1.start;
    match entries.windows(2).find(overlaps) {
        Some(pair) => Err(format!("its entries `{}` and `{}` overlap", pair[0].0, pair[1].0)),
        None => Ok(()),
    }
}

/// The folder that `data.pkl` is in.
fn prefix(entries: &[(String, Entry)]) -> Result<String, String> {
    let mut places = entries.iter().filter_map(|(name, _)| {
        let place = name.strip_suffix("data.pkl")?;
        (place.is_empty() || place.ends_with('/')).then(|| place.to_owned())
    });
    let none =
        "it has no entry `data.pkl`, so torch.save did not write it (torch.jit.save, for one, writes another format)";
    let place = places.next().ok_or(none)?;
    if places.next().is_some() { Err("it has several entries `data.pkl`".to_owned()) } else { Ok(place) }
}
