//! What a checkpoint says about its own files, so that damage is noticed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Name of the manifest within a checkpoint.
pub(super) const MANIFEST: &str = "manifest.json";

/// Format of checkpoints that this version of the program writes and reads.
const VERSION: u32 = 1;

/// Sizes and checksums of the files of one checkpoint.
///
/// CRC-32 notices every flipped bit, every burst of up to 32 bits and other damage but for one case in four billion, at
/// the speed of memory. It does not stop forgery, which is not what threatens a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format_version: u32,
    /// Training steps that were finished.
    pub(super) step: u64,
    /// Digest of the configuration that the checkpoint belongs to.
    pub(super) config: String,
    files: BTreeMap<String, Entry>,
    /// CRC-32 of this manifest written with an empty seal: it guards the guard.
    seal: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    bytes: u64,
    crc32: String,
}

impl Manifest {
    /// Describes the files `names` in `folder`.
    pub(super) fn describe<'a>(
        folder: &Path,
        step: u64,
        config: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for name in names {
            files.insert(name.to_owned(), Entry::of(&folder.join(name))?);
        }
        let mut manifest =
            Self { format_version: VERSION, step, config: config.to_owned(), files, seal: String::new() };
        manifest.seal = manifest.expected_seal();
        Ok(manifest)
    }

    /// The text that is stored.
    pub(super) fn to_json(&self) -> Vec<u8> {
        // Strings and integers in a struct: there is nothing in it that JSON cannot hold.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the manifest of the checkpoint `folder`; the error says in one sentence what is wrong with it.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let text = std::fs::read(folder.join(MANIFEST)).map_err(|error| format!("{MANIFEST}: {error}"))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| {
            let version = serde_json::from_slice::<serde_json::Value>(&text)
                .ok()
                .and_then(|json| json.get("format_version").and_then(serde_json::Value::as_u64));
            match version {
                Some(version) if version != u64::from(VERSION) => unknown_version(version),
                _ => format!("{MANIFEST} is damaged ({error})"),
            }
        })?;
        if manifest.seal != manifest.expected_seal() {
            return Err(format!("{MANIFEST} is damaged (its checksum does not match)"));
        }
        if manifest.format_version != VERSION {
            return Err(unknown_version(manifest.format_version.into()));
        }
        Ok(manifest)
    }

    /// Compares the files in `folder` with what the manifest says; the error names the first that differs.
    pub(super) fn check_files(&self, folder: &Path) -> Result<(), String> {
        for (name, entry) in &self.files {
            let path = folder.join(name);
            let bytes = std::fs::metadata(&path).map_err(|error| format!("{name}: {error}"))?.len();
            if bytes != entry.bytes {
                return Err(format!("{name} has {bytes} bytes instead of {}", entry.bytes));
            }
            let found = Entry::of(&path).map_err(|error| format!("{name}: {error}"))?;
            if found != *entry {
                return Err(format!("{name} is damaged (its checksum does not match)"));
            }
        }
        Ok(())
    }

    fn expected_seal(&self) -> String {
        let bare = Self { seal: String::new(), ..self.clone() };
        format!("{:08x}", crc32fast::hash(&bare.to_json()))
    }
}

impl Entry {
    fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hasher = crc32fast::Hasher::new();
        let mut buffer = vec![0; 1 << 18];
        let mut bytes = 0;
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&buffer[..read]);
            bytes += read as u64;
        }
        Ok(Self { bytes, crc32: format!("{:08x}", hasher.finalize()) })
    }
}

fn unknown_version(version: u64) -> String {
    format!("it has format version {version}, but this program reads version {VERSION}")
}
