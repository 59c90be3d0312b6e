//! Digests of files: by them features are kept, and weights known.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::FeatureError;

/// SHA-256 of several files in their order, in hexadecimal. `reading` says in which way they are read, where there are several: it is
/// part of the digest.
///
/// # Errors
/// [`FeatureError::Io`] names the file that cannot be read.
pub fn digest_of_files(reading: &str, files: &[PathBuf]) -> Result<String, FeatureError> {
    let mut hasher = Sha256::new();
    hasher.update(Sha256::digest(reading));
    for path in files {
        hasher.update(hashed(path)?.finalize());
    }
    Ok(format!("{:x}", hasher.finalize()))
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn digest_of(path: &Path) -> Result<String, FeatureError> {
    Ok(format!("{:x}", hashed(path)?.finalize()))
}

/// A file may be larger than memory.
fn hashed(path: &Path) -> Result<Sha256, FeatureError> {
    let failed = |source| FeatureError::Io { path: path.to_owned(), source };
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path).map_err(failed)?, &mut hasher).map_err(failed)?;
    Ok(hasher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_order_borders_and_reading_all_count() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c, d] = [("a", "one"), ("b", "two"), ("c", "onet"), ("d", "wo")].map(|(name, bytes)| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        });
        let digest = |reading, files: &[&PathBuf]| {
            digest_of_files(reading, &files.iter().map(|path| (*path).clone()).collect::<Vec<_>>()).unwrap()
        };
        let first = digest("files", &[&a, &b]);
        assert_eq!((first.len(), digest("files", &[&a, &b])), (64, first.clone()));
        for other in [digest("files", &[&b, &a]), digest("files", &[&c, &d]), digest("array", &[&a, &b])] {
            assert_ne!(first, other);
        }
        let message = digest_of_files("files", &[folder.path().join("absent")]).unwrap_err().to_string();
        assert!(message.contains("absent"), "{message}");
    }
}
