//! A digest of a file or folder that changes when files come, go or change, without reading them.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::DataError;

/// SHA-256 of the sorted list of names, lengths and times of change of all files below `path`, in hexadecimal digits; hidden
/// files, which are nobody's images, are left out.
pub(super) fn fingerprint(path: &Path) -> Result<String, DataError> {
    let mut lines = Vec::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(next) = waiting.pop() {
        let failed = |source| crate::decode::io_error(&next, source, "give the file or folder of the images");
        let data = fs::metadata(&next).map_err(failed)?;
        if !data.is_dir() {
            let changed = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let name = next.strip_prefix(path).unwrap_or(&next).to_string_lossy().into_owned();
            lines.push(format!("{name}\0{}\0{:?}\n", data.len(), changed.unwrap_or_default()));
            continue;
        }
        for entry in fs::read_dir(&next).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !entry.file_name().to_string_lossy().starts_with('.') {
                waiting.push(entry.path());
            }
        }
    }
    lines.sort();
    let mut digest = Sha256::new();
    lines.iter().for_each(|line| digest.update(line));
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
