//! A few members of a tar file, gzipped or not, read through once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::Archive;

use super::index::damaged;
use crate::DataError;

/// The members whose file names are `wanted`, wherever they lie in the archive, each with the path that errors call it. Of a name that is
/// there twice, the last.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Io`], [`DataError::Damaged`]; [`DataError::Damaged`] too when a member has more than `most` bytes.
pub(crate) fn collect(
    path: &Path,
    wanted: &[&str],
    most: u64,
) -> Result<HashMap<String, (PathBuf, Vec<u8>)>, DataError> {
    let remedy = "give the file or the folder that holds it";
    let file = File::open(path).map_err(|source| crate::decode::io_error(path, source, remedy))?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    let gzipped = std::io::BufRead::fill_buf(&mut file).is_ok_and(|start| start.starts_with(&[0x1f, 0x8b]));
    let reader: Box<dyn Read> = if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let failed = |error: std::io::Error| damaged(path, format!("is no tar file, or a damaged one ({error})"));
    let mut found = HashMap::new();
    let mut archive = Archive::new(reader);
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let short = name.rsplit('/').next().unwrap_or_default().to_owned();
        if !entry.header().entry_type().is_file() || !wanted.contains(&short.as_str()) {
            continue;
        }
        let mut bytes = Vec::new();
        entry.by_ref().take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > most {
            return Err(damaged(path, format!("has a member `{name}` of more than {most} bytes")));
        }
        found.insert(short, (path.join(name), bytes));
    }
    Ok(found)
}
