//! The file that says a libtorch folder is complete: written last, and checked against the files themselves.

use std::fs;
use std::path::Path;

use super::Build;
use crate::failure::Failure;

/// Name of the stamp inside the libtorch folder.
const FILE: &str = "lzn-complete";

/// What set-up put into a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The version of libtorch.
    pub(crate) version: String,
    pub(crate) build: Build,
    /// Whether the user asked for this build, so that a later run must not replace it by a better fitting one.
    pub(crate) chosen: bool,
    /// How many header files there are.
    headers: usize,
    /// Name and size in bytes of every file in `lib`, sorted by name.
    libraries: Vec<(String, u64)>,
}

impl Stamp {
    /// Takes stock of a folder.
    pub(crate) fn of(folder: &Path, version: &str, build: Build, chosen: bool) -> Result<Self, Failure> {
        let lib = folder.join("lib");
        let entries = fs::read_dir(&lib).map_err(|error| Failure::io("cannot list", &lib, &error))?;
        let mut libraries = Vec::new();
        for entry in entries.flatten() {
            let data = fs::metadata(entry.path()).map_err(|error| Failure::io("cannot read", &entry.path(), &error))?;
            if data.is_file() {
                libraries.push((entry.file_name().to_string_lossy().into_owned(), data.len()));
            }
        }
        libraries.sort();
        let headers = count_files(&folder.join("include"));
        Ok(Self { version: version.to_owned(), build, chosen, headers, libraries })
    }

    /// The stamp of a folder, if there is one that can be read.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(folder.join(FILE)).ok()?)
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(FILE);
        fs::write(&path, self.to_text()).map_err(|error| Failure::io("cannot write", &path, &error))
    }

    /// What has changed in the folder since the stamp was written; `None` when it is still complete.
    pub(crate) fn damage(&self, folder: &Path) -> Option<String> {
        for (name, size) in &self.libraries {
            match fs::metadata(folder.join("lib").join(name)) {
                Ok(data) if data.len() == *size => {}
                Ok(data) => return Some(format!("lib/{name} has {} bytes instead of {size}", data.len())),
                Err(_) => return Some(format!("lib/{name} is missing")),
            }
        }
        let headers = count_files(&folder.join("include"));
        (headers < self.headers)
            .then(|| format!("{} of {} header files are missing", self.headers - headers, self.headers))
    }

    fn to_text(&self) -> String {
        let chosen = if self.chosen { " chosen" } else { "" };
        let mut text = format!("libtorch {} {}{chosen}\nheaders {}\n", self.version, self.build.name(), self.headers);
        for (name, size) in &self.libraries {
            text.push_str(&format!("{size} {name}\n"));
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut first = lines.next()?.split(' ');
        let ("libtorch", version) = (first.next()?, first.next()?.to_owned()) else { return None };
        let build = [Build::Cpu, Build::Cuda].into_iter().find({
            let name = first.next()?;
            move |build| build.name() == name
        })?;
        let chosen = first.next() == Some("chosen");
        let headers = lines.next()?.strip_prefix("headers ")?.parse().ok()?;
        let library = |line: &str| {
            let (size, name) = line.split_once(' ')?;
            Some((name.to_owned(), size.parse().ok()?))
        };
        let libraries = lines.map(library).collect::<Option<_>>()?;
        Some(Self { version, build, chosen, headers, libraries })
    }
}

fn count_files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let counts = entries.flatten().map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => count_files(&entry.path()),
        Ok(_) => 1,
        Err(_) => 0,
    });
    counts.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtorch::folder::testing::fake_libtorch;

    #[test]
    fn a_stamp_survives_being_written_and_read() {
        let folder = fake_libtorch("stamp-round-trip", "2.13.0");
        for (build, chosen) in [(Build::Cpu, false), (Build::Cuda, true)] {
            let stamp = Stamp::of(folder.path(), "2.13.0", build, chosen).expect("the folder can be read");
            stamp.write(folder.path()).expect("the folder can be written");
            assert_eq!(Stamp::read(folder.path()), Some(stamp));
        }
    }

    #[test]
    fn a_truncated_library_a_lost_one_and_lost_headers_are_noticed() {
        let folder = fake_libtorch("stamp-damage", "2.13.0");
        let stamp = Stamp::of(folder.path(), "2.13.0", Build::Cpu, false).expect("the folder can be read");
        assert_eq!(stamp.damage(folder.path()), None);

        fs::write(folder.path().join("lib/libc10.so"), "short").expect("writable");
        assert!(stamp.damage(folder.path()).is_some_and(|damage| damage.contains("libc10.so has 5 bytes")));
        fs::remove_file(folder.path().join("lib/libc10.so")).expect("removable");
        assert_eq!(stamp.damage(folder.path()).as_deref(), Some("lib/libc10.so is missing"));

        let folder = fake_libtorch("stamp-headers", "2.13.0");
        fs::remove_dir_all(folder.path().join("include/ATen")).expect("removable");
        assert!(stamp.damage(folder.path()).is_some_and(|damage| damage.contains("header")));
    }

    #[test]
    fn text_that_is_not_a_whole_stamp_is_no_stamp() {
        for text in ["", "libtorch 2.13.0", "libtorch 2.13.0 tpu\nheaders 1\n", "libtorch 2.13.0 cpu\nheaders 1\n12\n"]
        {
            assert_eq!(Stamp::parse(text), None, "{text:?}");
        }
    }
}
