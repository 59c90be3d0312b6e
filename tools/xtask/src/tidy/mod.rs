//! House rules that no lint knows, checked on every file that git tracks or would track.

mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::repo::Repo;
use crate::run::Run;

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// Path relative to the repository, with a line number where there is one.
    pub(crate) place: String,
    pub(crate) rule: &'static str,
}

/// Checks all files; the error lists every breach.
pub(crate) fn check(repo: &Repo) -> Result<(), Failure> {
    let files = files(repo)?;
    let mut breaches = Vec::new();
    for relative in &files {
        let path = repo.root().join(relative);
        // Listed by git, but deleted in the working copy.
        let Ok(data) = fs::metadata(&path) else { continue };
        let name = relative.to_string_lossy().replace('\\', "/");
        breaches.extend(rules::check_size(&name, data.len()));
        if let Ok(text) = fs::read_to_string(&path) {
            breaches.extend(rules::check_text(&name, &text));
        }
    }
    breaches.extend(one_version(repo));
    println!("    {} files looked at", files.len());
    if breaches.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = breaches.iter().map(|breach| format!("{}: {}", breach.place, breach.rule)).collect();
    Err(Failure::new(format!("{} breaches of the house rules\n{}", lines.len(), lines.join("\n")))
        .remedy("the rules and their reasons are in tools/xtask/src/tidy/rules.rs"))
}

/// The version of libtorch stands in two crates that share no code: here, and where programs report it.
fn one_version(repo: &Repo) -> Option<Breach> {
    let file = "crates/lzn-torch/src/install.rs";
    let text = fs::read_to_string(repo.path(file)).unwrap_or_default();
    let wanted = format!("\"{}\"", crate::libtorch::WANTED);
    let rule = "must state the same version of libtorch as tools/xtask/src/libtorch/mod.rs";
    (!text.contains(&wanted)).then(|| Breach { place: file.to_owned(), rule })
}

/// What git tracks or would track; without git, everything outside the folders that git ignores.
fn files(repo: &Repo) -> Result<Vec<PathBuf>, Failure> {
    let git = Run::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).dir(repo.root());
    if let Ok(listed) = git.quiet() {
        return Ok(listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect());
    }
    let mut files = Vec::new();
    walk(repo.root(), Path::new(""), &mut files)?;
    Ok(files)
}

fn walk(root: &Path, relative: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let folder = root.join(relative);
    let entries = fs::read_dir(&folder).map_err(|error| Failure::io("cannot list", &folder, &error))?;
    for entry in entries.flatten() {
        let name = relative.join(entry.file_name());
        let ignored = [".git", ".lzn", "target", "runs"].iter().any(|ignored| name == Path::new(ignored));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !ignored => walk(root, &name, files)?,
            Ok(kind) if kind.is_file() => files.push(name),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtorch::folder::testing::Scratch;

    fn repo_with(scratch: &Scratch, file: &str, text: &str) -> Repo {
        let path = scratch.path().join(file);
        fs::create_dir_all(path.parent().expect("it has one")).and_then(|()| fs::write(path, text)).expect("writable");
        Repo::at(scratch.path())
    }

    #[test]
    fn two_versions_of_libtorch_in_one_workspace_are_found() {
        let (scratch, file) = (Scratch::new("versions"), "crates/lzn-torch/src/install.rs");
        let text = |version: &str| format!("//! Sample.\npub const WANTED_VERSION: &str = \"{version}\";\n");
        let repo = repo_with(&scratch, file, &text("1.0.0"));
        assert!(one_version(&repo).is_some_and(|breach| breach.place == file));
        repo_with(&scratch, file, &text(crate::libtorch::WANTED));
        assert_eq!(one_version(&repo), None);
    }

    #[test]
    fn without_git_everything_but_the_ignored_folders_is_looked_at() {
        let scratch = Scratch::new("walk");
        for file in ["crates/a/src/lib.rs", "target/debug/x.rs", ".lzn/libtorch/y", "crates/a/target.rs"] {
            repo_with(&scratch, file, "");
        }
        let mut files = Vec::new();
        walk(scratch.path(), Path::new(""), &mut files).expect("readable");
        files.sort();
        assert_eq!(files, [Path::new("crates/a/src/lib.rs"), Path::new("crates/a/target.rs")]);
    }
}
