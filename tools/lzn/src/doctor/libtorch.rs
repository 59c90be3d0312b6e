//! Which libtorch this program runs with.

use lzn_torch::install::{Loaded, WANTED_VERSION};

use super::Finding;

const TOPIC: &str = "libtorch";

/// Judges what was loaded when the program started.
pub(super) fn findings(loaded: &Loaded) -> Vec<Finding> {
    let parts = [
        ("MKL", tch::utils::has_mkl()),
        ("oneDNN", tch::utils::has_mkldnn()),
        ("OpenMP", tch::utils::has_openmp()),
        ("LAPACK", tch::utils::has_lapack()),
    ];
    let with: Vec<&str> = parts.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    vec![which(loaded), Finding::good(TOPIC, format!("built with {}", with.join(", ")))]
}

fn which(loaded: &Loaded) -> Finding {
    let folders: Vec<String> = loaded.folders.iter().map(|folder| folder.display().to_string()).collect();
    let place = folders.join(" and ");
    match (&loaded.version, folders.len()) {
        (_, 0) => Finding::good(
            TOPIC,
            format!("{WANTED_VERSION} was linked; this system does not tell from where it was loaded"),
        ),
        (_, 2..) => Finding::bad(
            TOPIC,
            format!("parts of libtorch were loaded from different folders: {place}"),
            "take the folder that does not belong there out of LD_LIBRARY_PATH and LD_PRELOAD",
        ),
        (Some(version), _) if version != WANTED_VERSION => Finding::bad(
            TOPIC,
            format!("{version} was loaded from {place}, but this program was built for {WANTED_VERSION}"),
            "take that folder out of LD_LIBRARY_PATH, or run `cargo xtask setup` and build again",
        ),
        (Some(version), _) => Finding::good(TOPIC, format!("{version} in {place}")),
        (None, _) => {
            Finding::good(TOPIC, format!("in {place}, which does not state its version; {WANTED_VERSION} is expected"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(folders: &[&str], version: Option<&str>) -> Loaded {
        let folders = folders.iter().map(Into::into).collect();
        Loaded { folders, version: version.map(str::to_owned), cuda_loaded: false, cuda_present: false }
    }

    #[test]
    fn the_wanted_version_from_one_folder_is_right() {
        let finding = which(&loaded(&["/opt/libtorch"], Some(WANTED_VERSION)));
        assert_eq!(finding.remedy, None);
        assert!(finding.what.contains("/opt/libtorch"));
        assert_eq!(which(&loaded(&["/opt/libtorch"], None)).remedy, None);
    }

    #[test]
    fn another_version_and_a_mixture_are_wrong() {
        let other = which(&loaded(&["/opt/libtorch"], Some("2.7.0")));
        assert!(other.remedy.is_some() && other.what.contains("2.7.0") && other.what.contains(WANTED_VERSION));
        let mixture = which(&loaded(&["/opt/a", "/opt/b"], Some(WANTED_VERSION)));
        assert!(mixture.remedy.is_some() && mixture.what.contains("/opt/a and /opt/b"));
    }
}
