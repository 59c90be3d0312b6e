//! Finding the cases of a folder and running them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{Case, Family, Line};

/// What running a folder gave.
#[derive(Debug, Default)]
pub struct Report {
    /// One line per case and backend.
    pub lines: Vec<Line>,
    /// Sub-folders whose family is not known here.
    pub skipped: Vec<String>,
}

impl Report {
    /// Whether at least one case agrees and none failed.
    pub fn passed(&self) -> bool {
        self.lines.iter().any(Line::passed) && !self.lines.iter().any(Line::failed)
    }
}

/// The folder to use when none is named: `LZN_GOLDEN_DIR`, else the copy in the repository.
pub fn default_folder() -> PathBuf {
    let named = std::env::var_os("LZN_GOLDEN_DIR").filter(|folder| !folder.is_empty());
    named.map_or_else(repository_folder, PathBuf::from)
}

/// The copy in the repository.
pub fn repository_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// Runs every case of `folder`; `each` sees a line as soon as it is known.
///
/// # Errors
/// The folder cannot be read or has no sub-folders. A broken case is no error but a failing line.
pub fn run(folder: &Path, families: &[Box<dyn Family>], mut each: impl FnMut(&Line)) -> Result<Report> {
    let mut report = Report::default();
    let families_found = sorted(folder, |path| path.is_dir())?;
    ensure!(!families_found.is_empty(), "{}: no families of golden numbers here", folder.display());
    for path in families_found {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let Some(family) = families.iter().find(|family| family.name() == name) else {
            report.skipped.push(name);
            continue;
        };
        for line in run_family(family.as_ref(), &path)? {
            each(&line);
            report.lines.push(line);
        }
    }
    Ok(report)
}

fn run_family(family: &dyn Family, folder: &Path) -> Result<Vec<Line>> {
    let is_json = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    let mut lines = Vec::new();
    for json in sorted(folder, is_json)? {
        lines.extend(run_case(family, &json));
    }
    // Numbers without their description must not go unnoticed.
    let holds_tensors =
        |path: &Path| path.extension().is_some_and(|extension| extension == "safetensors" || extension == "npz");
    for tensors in sorted(folder, holds_tensors)? {
        if !tensors.with_extension("json").exists() {
            lines.push(Line::broken(
                family.name(),
                &stem(&tensors),
                format!("{}: no JSON beside it", tensors.display()),
            ));
        }
    }
    Ok(lines)
}

fn run_case(family: &dyn Family, json: &Path) -> Vec<Line> {
    let outcome = Case::load(family.name(), json).and_then(|case| {
        let lines = family.run(&case).with_context(|| json.display().to_string())?;
        let unused = case.unused();
        let remark = if unused.is_empty() { String::new() } else { format!("not compared: {}", unused.join(", ")) };
        Ok(lines.into_iter().map(|line| line.with_remark(remark.clone())).collect())
    });
    outcome.unwrap_or_else(|error| vec![Line::broken(family.name(), &stem(json), format!("{error:#}"))])
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn sorted(folder: &Path, keep: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
        .with_context(|| folder.display().to_string())?;
    paths.retain(|path| keep(path));
    paths.sort();
    Ok(paths)
}
