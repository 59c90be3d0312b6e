//! The libtorch that this program runs with: where it was loaded from, and whether it is the one that we are bound to.
//!
//! libtorch has no function that tells its version at run time. The folder that it was loaded from does: an archive has
//! a file `build-version`, the Python package a file `version.py`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The version that `tch` in this workspace binds. `tools/xtask` installs it; CI asserts that the two agree.
pub const WANTED_VERSION: &str = "2.13.0";

/// What the system loaded when this program started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Folders that libraries of libtorch were loaded from, without the trailing `lib`. Exactly one when all is well;
    /// none where the system does not tell (outside Linux).
    pub folders: Vec<PathBuf>,
    /// The version that the first folder states, without a suffix such as `+cu130`.
    pub version: Option<String>,
    /// Whether the CUDA part of libtorch is loaded.
    pub cuda_loaded: bool,
    /// Whether the CUDA part lies beside the loaded libraries, so that it could have been loaded.
    pub cuda_present: bool,
}

/// Looks up the libraries of this very process.
pub fn loaded() -> Loaded {
    // Absent outside Linux; everything that depends on it is then unknown.
    let libraries = torch_libraries(&fs::read_to_string("/proc/self/maps").unwrap_or_default());
    let folders: BTreeSet<PathBuf> =
        libraries.iter().filter_map(|library| Some(library.parent()?.parent()?.to_owned())).collect();
    let folders: Vec<PathBuf> = folders.into_iter().collect();
    let is_cuda = |library: &PathBuf| library.file_name().is_some_and(|name| name == "libtorch_cuda.so");
    Loaded {
        version: folders.first().and_then(|folder| version(folder)),
        cuda_loaded: libraries.iter().any(is_cuda),
        cuda_present: folders.iter().any(|folder| folder.join("lib/libtorch_cuda.so").is_file()),
        folders,
    }
}

/// The version that a libtorch folder states, without its suffix; `None` when it states none.
pub fn version(folder: &Path) -> Option<String> {
    let archive = fs::read_to_string(folder.join("build-version")).ok().map(|text| text.trim().to_owned());
    let stated = archive.or_else(|| {
        let text = fs::read_to_string(folder.join("version.py")).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
        Some(value.trim().trim_matches(['\'', '"']).to_owned())
    })?;
    stated.split('+').next().map(str::to_owned)
}

/// Files of libtorch in a memory map as Linux writes it (proc(5): the path is the sixth column).
fn torch_libraries(maps: &str) -> BTreeSet<PathBuf> {
    let paths = maps.lines().filter_map(|line| line.split_once('/')).map(|(_, rest)| Path::new("/").join(rest));
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libtorch") && name.contains(".so") || name.starts_with("libc10")
    };
    paths.filter(ours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0-55d1 r-xp 00000000 fe:00 12 /opt/app/lzn
7f00-7f01 r-xp 00000000 fe:00 13 /opt/my libtorch/lib/libtorch_cpu.so
7f01-7f02 rw-p 00000000 fe:00 13 /opt/my libtorch/lib/libtorch_cpu.so
7f02-7f03 r-xp 00000000 fe:00 14 /opt/other/lib/libc10.so
7f03-7f04 r-xp 00000000 fe:00 15 /usr/lib/libc.so.6
7f04-7f05 rw-p 00000000 00:00 0  [stack]";

    #[test]
    fn libraries_are_read_from_a_memory_map_once_each_and_with_blanks_in_their_path() {
        let found: Vec<PathBuf> = torch_libraries(MAPS).into_iter().collect();
        assert_eq!(found, [Path::new("/opt/my libtorch/lib/libtorch_cpu.so"), Path::new("/opt/other/lib/libc10.so")]);
    }

    #[test]
    fn this_process_runs_with_one_libtorch_of_the_wanted_version() {
        // Keeps libtorch linked, whatever the linker thinks of an unused library.
        assert!(tch::get_num_threads() > 0);
        let loaded = loaded();
        if cfg!(target_os = "linux") {
            assert_eq!(loaded.folders.len(), 1, "{:?}", loaded.folders);
            assert_eq!(loaded.version.as_deref(), Some(WANTED_VERSION));
        }
    }
}
