//! Judges a libtorch folder by its files: version, headers, libraries.

use std::fs;
use std::path::Path;

use super::{Build, WANTED};

/// Headers that every build of ours includes, directly or not.
const HEADERS: [&str; 3] =
    ["include/torch/csrc/api/include/torch/torch.h", "include/ATen/ATen.h", "include/c10/macros/Macros.h"];

/// What a usable folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The version, where the folder says it.
    pub(crate) version: Option<String>,
    pub(crate) build: Build,
}

/// Looks at a folder that is meant to be libtorch of the wanted version. The error is a sentence for the user.
pub(crate) fn inspect(folder: &Path) -> Result<Found, String> {
    if !folder.is_dir() {
        return Err(format!("{} is not a folder", folder.display()));
    }
    let version = version(folder);
    if let Some(version) = version.as_deref().filter(|version| *version != WANTED) {
        return Err(format!("{} holds libtorch {version}, but this workspace needs {WANTED}", folder.display()));
    }
    if let Some(header) = HEADERS.iter().find(|header| !folder.join(header).is_file()) {
        return Err(format!("{} is missing: the headers are incomplete", folder.join(header).display()));
    }
    for name in ["torch", "torch_cpu", "c10"] {
        check_library(&folder.join("lib").join(library_file(name)))?;
    }
    let cuda = folder.join("lib").join(library_file("torch_cuda"));
    let build = if cuda.is_file() { Build::Cuda } else { Build::Cpu };
    Ok(Found { version, build })
}

/// The version that a folder states: `build-version` of a libtorch archive, or `version.py` of the Python package.
pub(crate) fn version(folder: &Path) -> Option<String> {
    let archive = fs::read_to_string(folder.join("build-version")).ok().map(|text| text.trim().to_owned());
    let stated = archive.or_else(|| python_version(&fs::read_to_string(folder.join("version.py")).ok()?))?;
    // As torch-sys does: 2.13.0+cu130 and 2.13.0+cpu are both 2.13.0.
    Some(stated.split('+').next().unwrap_or_default().to_owned())
}

fn python_version(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(value.trim().trim_matches(['\'', '"']).to_owned())
}

/// `torch_cpu` as this system names its library file.
pub(crate) fn library_file(name: &str) -> String {
    format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

fn check_library(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let size = fs::metadata(path).map_err(|error| format!("{shown} is missing ({error})"))?.len();
    let start = first_bytes(path).map_err(|error| format!("{shown} cannot be read ({error})"))?;
    match elf_end(&start) {
        Some(end) if size < end => Err(format!("{shown} is truncated: it has {size} bytes of at least {end}")),
        // Linker scripts and the formats of other systems are left to the linker.
        _ => Ok(()),
    }
}

fn first_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the section headers of a 64-bit little-endian ELF file end: libraries are at least that long.
fn elf_end(header: &[u8]) -> Option<u64> {
    let header: &[u8; 64] = header.try_into().ok()?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let number =
        |at: usize, bytes: usize| header[at..at + bytes].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    // ELF-64 object file format: e_shoff, e_shentsize, e_shnum.
    let (offset, entry, count) = (number(0x28, 8), number(0x3a, 2), number(0x3c, 2));
    offset.checked_add(entry * count)
}

#[cfg(test)]
pub(crate) mod testing {
    //! A folder that looks like libtorch, for tests.

    use super::*;
    use std::path::PathBuf;

    /// A folder of a test's own, removed at its end.
    pub(crate) struct Scratch(PathBuf);

    impl Scratch {
        pub(crate) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("lzn-xtask-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).expect("the temporary folder is writable");
            Self(path)
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    pub(crate) fn fake_libtorch(name: &str, version: &str) -> Scratch {
        let scratch = Scratch::new(name);
        let write = |file: &str, text: &str| {
            let path = scratch.path().join(file);
            fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
            fs::write(path, text).expect("writable");
        };
        HEADERS.iter().for_each(|header| write(header, "// a header"));
        for library in ["torch", "torch_cpu", "c10"] {
            write(&format!("lib/{}", library_file(library)), "INPUT(-lm)");
        }
        write("build-version", version);
        scratch
    }
}

#[cfg(test)]
mod tests {
    use super::testing::fake_libtorch;
    use super::*;

    #[test]
    fn a_whole_folder_is_recognised_with_its_build() {
        let folder = fake_libtorch("whole", "2.13.0+cpu\n");
        let found = Found { version: Some("2.13.0".into()), build: Build::Cpu };
        assert_eq!(inspect(folder.path()), Ok(found.clone()));
        fs::write(folder.path().join("lib").join(library_file("torch_cuda")), "").expect("writable");
        assert_eq!(inspect(folder.path()), Ok(Found { build: Build::Cuda, ..found }));
    }

    #[test]
    fn another_version_is_refused_with_both_versions_named() {
        let folder = fake_libtorch("version", "2.7.1+cu128");
        let message = inspect(folder.path()).expect_err("the version is wrong");
        assert!(message.contains("libtorch 2.7.1") && message.contains(WANTED), "{message}");
    }

    #[test]
    fn the_python_package_states_its_version_too() {
        assert_eq!(
            python_version("from typing import X\n__version__ = '2.13.0+cu130'\n").as_deref(),
            Some("2.13.0+cu130")
        );
    }

    #[test]
    fn missing_parts_are_named() {
        let folder = fake_libtorch("parts", WANTED);
        fs::remove_file(folder.path().join("lib").join(library_file("c10"))).expect("removable");
        assert!(inspect(folder.path()).is_err_and(|message| message.contains("c10")));
        let folder = fake_libtorch("headers", WANTED);
        fs::remove_dir_all(folder.path().join("include/ATen")).expect("removable");
        assert!(inspect(folder.path()).is_err_and(|message| message.contains("ATen.h")));
        assert!(inspect(Path::new("no/such/folder")).is_err_and(|message| message.contains("no/such/folder")));
    }

    #[test]
    fn a_truncated_library_is_noticed_by_its_own_header() {
        let program = fs::read(std::env::current_exe().expect("a test runs from a file")).expect("it can be read");
        let folder = fake_libtorch("truncated", WANTED);
        let library = folder.path().join("lib").join(library_file("torch_cpu"));
        fs::write(&library, &program).expect("writable");
        assert!(inspect(folder.path()).is_ok());
        if cfg!(target_os = "linux") {
            fs::write(&library, &program[..program.len() / 2]).expect("writable");
            assert!(inspect(folder.path()).is_err_and(|message| message.contains("truncated")));
        }
    }
}
