//! Files that are there whole or not at all.
//!
//! A file first grows beside its place under another name, is flushed to the disk and then renamed: whoever looks, and whenever the
//! machine stops, there is the old file or the new one and never half of either.
//!
//! ```
//! use std::io::Write;
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("config.toml");
//! lzn_files::replace(&path, |error| error, |file| file.write_all(b"seed = 1"))?;
//! assert_eq!(std::fs::read(&path)?, b"seed = 1");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::File;
use std::io;
use std::path::Path;

/// How the names of files begin that are not whole: a process that was killed may leave one.
pub const UNFINISHED: &str = ".unfinished-";

/// Gives `path` the content that `write` writes: all of it, or what was there before. The folder must exist.
///
/// # Errors
/// Those of `write`, and what the system says, made into the caller's error by `failed`.
pub fn replace<E>(
    path: &Path,
    failed: impl Fn(io::Error) -> E,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut unfinished = unfinished_file(folder).map_err(&failed)?;
    write(unfinished.as_file_mut())?;
    unfinished.as_file().sync_all().map_err(&failed)?;
    unfinished.persist(path).map_err(|error| failed(error.error))?;
    // The rename itself is on the disk only once the folder is. Windows cannot open folders, and needs not.
    if cfg!(unix) { File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed) } else { Ok(()) }
}

/// A file that disappears unless it is given its name; readable by whom the user's own files are.
fn unfinished_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_former_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let put = |text: &[u8]| replace(&path, |error| error, |file| file.write_all(text));
        put(b"first").unwrap();
        let failed = replace(
            &path,
            |error| error,
            |file| {
                file.write_all(b"half")?;
                Err(io::Error::other("enough"))
            },
        );
        assert_eq!(failed.unwrap_err().to_string(), "enough");
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        put(b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
    }

    #[test]
    fn a_folder_that_is_not_there_is_the_callers_error() {
        let folder = tempfile::tempdir().unwrap();
        let failed = replace(&folder.path().join("absent/a"), |error| (7, error.kind()), |_| Ok(()));
        assert_eq!(failed, Err((7, io::ErrorKind::NotFound)));
    }
}
