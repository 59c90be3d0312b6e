//! Statistics that are computed once.

use std::path::{Path, PathBuf};

use ndarray::{Array1, ArrayView1};

use super::Gaussian;
use super::statistics::{read_from, write_with};
use crate::EvalError;
use crate::arrays::{ArrayError, Arrays};

/// The array with the text of the key.
const KEY: &str = "key";

/// What statistics were computed from: if any of it changes, they are others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    dataset: String,
    protocol: String,
    extractor: String,
    count: u64,
}

impl CacheKey {
    /// Statistics of `count` images of the data set with the digest `dataset` (hexadecimal), preprocessed by `protocol` (letters, digits,
    /// `-`, `_` and `.`), by the network whose weights have the SHA-256 `extractor` (hexadecimal).
    ///
    /// # Errors
    /// [`EvalError::Setting`] if a text is not of that form: it becomes part of a file name.
    pub fn new(dataset: &str, protocol: &str, extractor: &str, count: u64) -> Result<Self, EvalError> {
        let setting = |argument, rule, got: &str| {
            Err(EvalError::Setting { operation: "statistics cache", argument, rule, got: format!("`{got}`") })
        };
        for (argument, text) in [("dataset", dataset), ("extractor", extractor)] {
            if text.len() < 8 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return setting(argument, "a digest of at least 8 hexadecimal digits", text);
            }
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if protocol.is_empty() || protocol.starts_with('.') || !protocol.bytes().all(plain) {
            return setting("protocol", "letters, digits, `-`, `_` and `.`, not starting with `.`", protocol);
        }
        let (dataset, extractor) = (dataset.to_ascii_lowercase(), extractor.to_ascii_lowercase());
        Ok(Self { dataset, protocol: protocol.to_owned(), extractor, count })
    }

    /// The name of its file. Digests are shortened in it; the file holds them in full.
    #[must_use]
    pub fn file_name(&self) -> String {
        let short = |digest: &str| digest[..digest.len().min(16)].to_owned();
        format!("{}-{}-{}-n{}.npz", short(&self.dataset), self.protocol, short(&self.extractor), self.count)
    }

    fn text(&self) -> String {
        format!("dataset {}, protocol {}, extractor {}, n {}", self.dataset, self.protocol, self.extractor, self.count)
    }
}

/// A folder of statistics files in pytorch-fid's layout, one for each [`CacheKey`].
///
/// A file is used only if it is whole (archives carry a checksum of every array), passes the checks of
/// [`super::read_statistics`], and says that it was computed from the same things; otherwise the statistics are computed again and replace it.
/// Files are written aside and renamed, so several processes may share a folder.
#[derive(Debug, Clone)]
pub struct StatisticsCache {
    folder: PathBuf,
}

/// Statistics, and where they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Cached {
    /// The statistics.
    pub statistics: Gaussian,
    /// Where they came from.
    pub origin: Origin,
}

/// Where statistics came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Read from the cache.
    Cache,
    /// Computed, and now in the cache.
    Computed,
    /// Computed, because the file in the cache could not be used; the text says why. It has been replaced.
    Replaced(String),
}

impl StatisticsCache {
    /// A cache in `folder`, which is made when something is written.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where statistics of `key` are, or would be.
    #[must_use]
    pub fn path(&self, key: &CacheKey) -> PathBuf {
        self.folder.join(key.file_name())
    }

    /// The statistics of `key`, from the cache or from `compute`.
    ///
    /// # Errors
    /// Those of `compute`, and [`ArrayError`] if its result cannot be written or is not of `count` samples. A damaged file in the cache is
    /// not an error, see [`Origin::Replaced`].
    pub fn get_or_compute<E: From<ArrayError>>(
        &self,
        key: &CacheKey,
        compute: impl FnOnce() -> Result<Gaussian, E>,
    ) -> Result<Cached, E> {
        let path = self.path(key);
        let origin = match read(&path, key) {
            Ok(statistics) => return Ok(Cached { statistics, origin: Origin::Cache }),
            Err(ArrayError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Origin::Computed,
            Err(error) => Origin::Replaced(error.to_string()),
        };
        let statistics = compute()?;
        self.write(&path, key, &statistics)?;
        Ok(Cached { statistics, origin })
    }

    fn write(&self, path: &Path, key: &CacheKey, statistics: &Gaussian) -> Result<(), ArrayError> {
        if statistics.count != Some(key.count) {
            let reason = format!("statistics of {:?} samples for a key of {}", statistics.count, key.count);
            return Err(ArrayError::refused(path, reason));
        }
        std::fs::create_dir_all(&self.folder).map_err(ArrayError::io(&self.folder))?;
        write_with(path, statistics, |archive| archive.add(KEY, &ArrayView1::from(key.text().as_bytes())))
    }
}

fn read(path: &Path, key: &CacheKey) -> Result<Gaussian, ArrayError> {
    let mut arrays = Arrays::open(path)?;
    let found: Array1<u8> = arrays.read(KEY)?;
    if found.to_vec() != key.text().as_bytes() {
        let found = String::from_utf8_lossy(&found.to_vec()).into_owned();
        return Err(arrays.wrong(KEY, format!("says that these are other statistics: {found}")));
    }
    let statistics = read_from(&mut arrays, "mu", "sigma")?;
    if statistics.count != Some(key.count) {
        return Err(arrays.wrong("n", "does not agree with the key"));
    }
    Ok(statistics)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use ndarray::array;

    use super::*;
    use crate::reference::read_statistics;

    fn key(count: u64) -> CacheKey {
        CacheKey::new("0123456789abcdef0123", "clean", "FEDCBA98765432100000", count).unwrap()
    }

    fn statistics(count: u64) -> Gaussian {
        let covariance = array![[1.0 / 3.0, 0.1], [0.1, 2.0]];
        Gaussian { count: Some(count), mean: array![count as f64, 0.2], covariance }
    }

    /// What the cache gives, and whether it computed.
    fn get(cache: &StatisticsCache, count: u64) -> (Cached, bool) {
        let computed = Cell::new(false);
        let compute = || {
            computed.set(true);
            Ok::<_, ArrayError>(statistics(count))
        };
        (cache.get_or_compute(&key(count), compute).unwrap(), computed.get())
    }

    #[test]
    fn statistics_are_computed_once_and_other_readers_can_use_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let cache = StatisticsCache::new(folder.path().join("new/folder"));
        let (first, computed) = get(&cache, 5);
        assert!(computed && first.origin == Origin::Computed);
        let (second, computed) = get(&cache, 5);
        assert!(!computed && second.origin == Origin::Cache);
        assert_eq!(second.statistics, statistics(5));
        assert_eq!(read_statistics(&cache.path(&key(5))).unwrap(), statistics(5));
        assert!(get(&cache, 6).1, "another number of images is another entry");
    }

    #[test]
    fn a_file_with_any_byte_changed_or_cut_off_is_never_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let cache = StatisticsCache::new(folder.path());
        get(&cache, 5);
        let path = cache.path(&key(5));
        let whole = std::fs::read(&path).unwrap();
        let (mut replaced, mut harmless) = (0, 0);
        for position in (0..whole.len()).step_by(5) {
            let mut damaged = whole.clone();
            damaged[position] ^= 0x10;
            std::fs::write(&path, &damaged).unwrap();
            let (found, computed) = get(&cache, 5);
            // Times and flags of the archive may change without harm; what is returned never differs.
            assert_eq!(found.statistics, statistics(5), "byte {position}");
            if computed {
                assert!(matches!(found.origin, Origin::Replaced(_)));
                assert_eq!(get(&cache, 5).0.origin, Origin::Cache);
                replaced += 1;
            } else {
                harmless += 1;
            }
        }
        assert!(replaced > harmless, "{replaced} of {}", whole.len());
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(get(&cache, 5).1, "cut to {length}");
        }
    }

    #[test]
    fn a_file_under_a_wrong_name_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let cache = StatisticsCache::new(folder.path());
        get(&cache, 5);
        std::fs::rename(cache.path(&key(5)), cache.path(&key(6))).unwrap();
        let (found, computed) = get(&cache, 6);
        assert!(computed && found.statistics == statistics(6));
        assert!(matches!(&found.origin, Origin::Replaced(reason) if reason.contains("n 5")), "{:?}", found.origin);
        // Written by another program, without our key.
        super::super::write_statistics(&cache.path(&key(7)), &statistics(7)).unwrap();
        assert!(get(&cache, 7).1);
    }

    #[test]
    fn keys_and_statistics_are_checked() {
        for (dataset, protocol, extractor) in
            [("xyz", "clean", "01234567"), ("01234567", "../up", "01234567"), ("01234567", "", "01234567")]
        {
            assert!(matches!(CacheKey::new(dataset, protocol, extractor, 1), Err(EvalError::Setting { .. })));
        }
        let folder = tempfile::tempdir().unwrap();
        let cache = StatisticsCache::new(folder.path());
        let other = cache.get_or_compute(&key(5), || Ok::<_, ArrayError>(statistics(6)));
        assert!(other.unwrap_err().to_string().contains("a key of 5"));
        let failed = cache.get_or_compute(&key(5), || Err(ArrayError::refused(Path::new("x"), "no images")));
        assert!(failed.unwrap_err().to_string().contains("no images"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
