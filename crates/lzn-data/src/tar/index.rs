//! Where the members of a tar file lie.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use tar::Archive;

use crate::DataError;

/// How deep to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The members of the file.
    Flat,
    /// The members of the tar files in the file, as ImageNet has them; their names are `OUTER/INNER`.
    Nested,
}

/// A regular file in a tar file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Bytes of the tar file before those of the member.
    pub(crate) start: u64,
    pub(crate) size: u64,
}

/// Lists all regular files in the order in which they lie.
pub(super) fn members(path: &Path, file: &File, depth: Depth) -> Result<Vec<Member>, DataError> {
    let length = file.metadata().map_err(|source| DataError::Io { path: path.to_owned(), source })?.len();
    let mut start = [0; 2];
    if super::read_at(file, &mut start, 0).is_ok() && start == [0x1f, 0x8b] {
        let path = path.to_owned();
        let reason =
            "is gzipped, and members of compressed files cannot be found without unpacking all before them".to_owned();
        return Err(DataError::Damaged { path, reason, remedy: "unpack it with gunzip; it stays one tar file" });
    }
    let outer = list(path, Section { file, start: 0, length, at: 0 })?;
    if depth == Depth::Flat {
        return Ok(outer);
    }
    let mut members = Vec::new();
    for Member { name, start, size } in outer.into_iter().filter(|member| member.name.ends_with(".tar")) {
        let inner = list(&path.join(&name), Section { file, start, length: size, at: 0 })?;
        members.extend(inner.into_iter().map(|member| Member { name: format!("{name}/{}", member.name), ..member }));
    }
    Ok(members)
}

/// The members of a tar file that is a part of another, or all of it.
fn list(path: &Path, section: Section<'_>) -> Result<Vec<Member>, DataError> {
    let failed = |error: io::Error| damaged(path, format!("is no tar file, or a damaged one ({error})"));
    let (base, length) = (section.start, section.length);
    let mut members = Vec::new();
    let mut archive = Archive::new(section);
    for entry in archive.entries_with_seek().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (start, size) = (entry.raw_file_position(), entry.size());
        if start.checked_add(size).is_none_or(|end| end > length) {
            return Err(damaged(path, format!("ends before its member `{name}` of {size} bytes does")));
        }
        // Names with line breaks are nobody's images, and would break the list that is kept.
        if entry.header().entry_type().is_file() && !name.contains(['\n', '\r']) {
            members.push(Member { name, start: base + start, size });
        }
    }
    Ok(members)
}

pub(super) fn damaged(path: &Path, reason: String) -> DataError {
    DataError::Damaged { path: path.to_owned(), reason, remedy: "copy or download it again" }
}

/// A part of a file as a file.
#[derive(Debug)]
struct Section<'a> {
    file: &'a File,
    start: u64,
    length: u64,
    at: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = bytes.len().min(usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX));
        super::read_at(self.file, &mut bytes[..count], self.start + self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Section<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(step) => self.at.checked_add_signed(step),
            SeekFrom::End(step) => self.length.checked_add_signed(step),
        };
        // Beyond the end there is nothing to read, wherever that is.
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the beginning"))?;
        Ok(self.at)
    }
}
