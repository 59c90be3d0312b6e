//! The browser that tests open reports in.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::repo::Repo;
use crate::run::Run;

/// Names under which browsers of the wanted kind are installed; crates/lzn-eval/tests/browser/driver.rs looks for the same.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const REMEDY: &str = "install chromium: `apt-get install chromium` (Debian), `dnf install chromium` (Fedora), \
     `pacman -S chromium` (Arch); or set LZN_BROWSER to a browser of its kind";

/// Finds a browser; where there is none, installs one if the system's package manager can and may.
pub(crate) fn ensure(_: &Repo) -> Result<(), Failure> {
    if let Some(version) = version()? {
        println!("    {version}");
        return Ok(());
    }
    crate::apt::install("chromium", "browser to open reports in", REMEDY)?;
    match version()? {
        Some(version) => println!("    {version}"),
        None => return Err(Failure::new("chromium was installed, but is not in PATH").remedy(REMEDY)),
    }
    Ok(())
}

/// What the browser says of itself; `None` without a browser. One that was named or found must start.
fn version() -> Result<Option<String>, Failure> {
    let named = std::env::var_os("LZN_BROWSER").filter(|name| !name.is_empty()).map(PathBuf::from);
    let Some(browser) = named.or_else(|| on_path(&std::env::var_os("PATH").unwrap_or_default())) else {
        return Ok(None);
    };
    let answer = Run::new(&browser).arg("--version").quiet().map_err(|failure| failure.remedy(REMEDY))?;
    Ok(Some(format!("{} ({})", answer.trim(), browser.display())))
}

fn on_path(path: &std::ffi::OsStr) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtorch::folder::testing::Scratch;

    #[test]
    fn a_browser_is_found_in_any_folder_of_the_path_under_any_of_its_names() {
        let folder = Scratch::new("browser");
        let path = std::env::join_paths(["no/such/folder".into(), folder.path().to_owned()]).expect("no colons");
        assert_eq!(on_path(&path), None);
        for name in NAMES.iter().rev() {
            let file = folder.path().join(name);
            std::fs::write(&file, "").expect("writable");
            assert_eq!(on_path(&path), Some(file), "the first name comes first");
        }
    }
}
