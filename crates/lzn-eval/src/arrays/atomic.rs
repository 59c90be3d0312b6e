//! Files that are there whole or not at all.

use std::fs::File;
use std::path::Path;

use super::ArrayError;

/// Lets `write` fill a new file, which then takes the place of `path`. The folder must exist.
///
/// The file first grows beside its place under another name, is flushed to the disk and then renamed. If anything fails, what
/// was at `path` before is unharmed.
pub(crate) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), ArrayError>,
) -> Result<(), ArrayError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut unfinished = unfinished_file(folder).map_err(ArrayError::io(path))?;
    write(unfinished.as_file_mut())?;
    unfinished.as_file().sync_all().map_err(ArrayError::io(path))?;
    unfinished.persist(path).map_err(|error| ArrayError::io(path)(error.error))?;
    // The rename itself is on the disk only once the folder is. Windows cannot open folders, and needs not.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(ArrayError::io(path))
    } else {
        Ok(())
    }
}

/// A file that disappears unless it is given its name; readable by whom the user's own files are.
fn unfinished_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unfinished-");
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
        let content = |text: &'static [u8]| {
            let path = path.clone();
            move |file: &mut File| file.write_all(text).map_err(ArrayError::io(&path))
        };
        write_atomically(&path, content(b"first")).unwrap();
        let failed = write_atomically(&path, |file| {
            content(b"half")(file)?;
            Err(ArrayError::refused(&path, "enough"))
        });
        assert!(failed.unwrap_err().to_string().contains("enough"));
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        write_atomically(&path, content(b"second")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
    }
}
