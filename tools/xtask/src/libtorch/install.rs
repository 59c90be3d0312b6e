//! Makes sure that there is a complete libtorch: looks, and installs only what is missing.
//!
//! Everything is prepared under other names and renamed at the end, so `.lzn/libtorch` is whole or absent,
//! whenever the work is interrupted.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::folder::{self, library_file};
use super::prerequisites as need;
use super::python::Python;
use super::source::Source;
use super::stamp::Stamp;
use super::{Build, WANTED, cpu, cuda, download};
use crate::failure::Failure;
use crate::progress;
use crate::repo::Repo;
use crate::run::Run;
use crate::step::step;

/// What the user asked of set-up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    /// The CPU build, even where there is a GPU.
    pub(crate) cpu: bool,
    /// Install again, even if everything is there.
    pub(crate) force: bool,
}

/// What is in `.lzn/libtorch`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Present {
    /// Complete, and known to be.
    Complete(Stamp),
    /// Looks whole, but nothing vouches for it.
    Unstamped(Build),
    /// Not there, or not usable; the sentence says why.
    Unusable(String),
}

/// Returns when builds will find a libtorch of the wanted version.
pub(crate) fn ensure(repo: &Repo, wish: Wish) -> Result<(), Failure> {
    match Source::detect(&repo.libtorch()) {
        Source::Own(folder) => {
            folder::inspect(&folder).map_err(|what| {
                Failure::new(format!("LIBTORCH is set, but {what}"))
                    .remedy(format!("point LIBTORCH to a libtorch {WANTED}, or unset it: set-up then installs one"))
            })?;
            println!("==> libtorch: your own in {}", folder.display());
            Ok(())
        }
        Source::PythonModule => {
            let version = python_module_version()?;
            println!("==> libtorch: the torch {version} of your Python");
            Ok(())
        }
        Source::Repository => ensure_own(repo, wish),
    }
}

/// Looks at the repository's own libtorch.
pub(crate) fn present(repo: &Repo) -> Present {
    let libtorch = repo.libtorch();
    let stamp = Stamp::read(&libtorch).filter(|stamp| stamp.version == WANTED);
    match (stamp, folder::inspect(&libtorch)) {
        (_, Err(what)) => Present::Unusable(what),
        (None, Ok(found)) => Present::Unstamped(found.build),
        (Some(stamp), Ok(_)) => match stamp.damage(&libtorch) {
            Some(damage) => Present::Unusable(format!("{} was damaged: {damage}", repo.shown(&libtorch))),
            None => Present::Complete(stamp),
        },
    }
}

fn ensure_own(repo: &Repo, wish: Wish) -> Result<(), Failure> {
    if !wish.force && suffices(&present(repo), wish) {
        return Ok(());
    }
    let state = repo.state();
    fs::create_dir_all(&state).map_err(|error| Failure::io("cannot make", &state, &error))?;
    let _lock = lock(&state.join("setup.lock"))?;
    // Another set-up may have finished while this one waited.
    let found = present(repo);
    if !wish.force && suffices(&found, wish) {
        return Ok(());
    }
    let build = if wish.cpu || need::nvidia_gpus().is_empty() { Build::Cpu } else { Build::Cuda };
    let python = step("look for what set-up needs", || check_machine(repo, build))?;
    match found {
        Present::Unstamped(present) if !wish.force && (present == build || present == Build::Cuda) => {
            step("check the libtorch that is already there", || {
                vouch_for(repo, &python, &repo.libtorch(), present, wish)
            })?;
        }
        Present::Unusable(what) if repo.libtorch().exists() => {
            println!("    {what}: installing it again");
            install(repo, &python, build, wish)?;
        }
        _ => install(repo, &python, build, wish)?,
    }
    println!("==> libtorch {WANTED} is ready in {} ({} build)", repo.shown(&repo.libtorch()), build.name());
    Ok(())
}

fn suffices(found: &Present, wish: Wish) -> bool {
    match found {
        Present::Complete(stamp) if wish.cpu => stamp.build == Build::Cpu,
        Present::Complete(stamp) => stamp.build == Build::Cuda || stamp.chosen || need::nvidia_gpus().is_empty(),
        _ => false,
    }
}

fn check_machine(repo: &Repo, build: Build) -> Result<Python, Failure> {
    need::check_platform()?;
    println!("    {}", need::check_compiler()?);
    let python = Python::find(repo)?;
    println!("    {}", python.described());
    need::check_space(repo, build)?;
    Ok(python)
}

fn install(repo: &Repo, python: &Python, build: Build, wish: Wish) -> Result<(), Failure> {
    let (state, libtorch) = (repo.state(), repo.libtorch());
    let partial = state.join("libtorch.partial");
    step(&format!("install libtorch {WANTED} ({} build)", build.name()), || match build {
        Build::Cpu => {
            download::empty(&partial)?;
            cpu::install(repo, python, &partial)?;
            vouch_for(repo, python, &partial, build, wish)?;
            replace(&libtorch, &partial)
        }
        Build::Cuda => {
            let (packages, unfinished) = (cuda::packages(repo), state.join("python.partial"));
            let inside = cuda::install(repo, python, &unfinished)?;
            vouch_for(repo, python, &inside, build, wish)?;
            replace(&packages, &unfinished)?;
            download::remove(&partial)?;
            link(Path::new("python/torch"), &partial)?;
            replace(&libtorch, &partial)
        }
    })?;
    if build == Build::Cpu {
        download::remove(&cuda::packages(repo))?;
    }
    download::remove(&download::folder(repo))?;
    println!("    {} in {}", progress::size(progress::folder_size(&state)), repo.shown(&state));
    Ok(())
}

/// Looks at every part of a folder, loads its library, and writes the stamp.
fn vouch_for(repo: &Repo, python: &Python, folder: &Path, build: Build, wish: Wish) -> Result<(), Failure> {
    folder::inspect(folder).map_err(|what| Failure::new(what).remedy("run `cargo xtask setup --force`"))?;
    let main = if build == Build::Cuda { "torch_cuda" } else { "torch_cpu" };
    let library = folder.join("lib").join(library_file(main));
    python.can_load(&library).map_err(|failure| failure.remedy("run `cargo xtask setup --force`"))?;
    println!("    {} loads", repo.shown(&library));
    Stamp::of(folder, WANTED, build, wish.cpu)?.write(folder)
}

/// Puts `new` in the place of `old`; a crash in between leaves one of them whole, and set-up starts over.
fn replace(old: &Path, new: &Path) -> Result<(), Failure> {
    let retired = old.with_extension("old");
    download::remove(&retired)?;
    if fs::symlink_metadata(old).is_ok() {
        fs::rename(old, &retired).map_err(|error| Failure::io("cannot rename", old, &error))?;
    }
    fs::rename(new, old).map_err(|error| Failure::io("cannot rename", new, &error))?;
    download::remove(&retired)
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> Result<(), Failure> {
    std::os::unix::fs::symlink(to, at).map_err(|error| Failure::io("cannot make the link", at, &error))
}

#[cfg(not(unix))]
fn link(_to: &Path, at: &Path) -> Result<(), Failure> {
    Err(Failure::new(format!("cannot make the link {} on this system", at.display())))
}

/// Holds off a second set-up in the same repository. The system releases the lock however this process ends.
fn lock(path: &Path) -> Result<File, Failure> {
    let refused = |error: &std::io::Error| Failure::io("cannot lock", path, error);
    let file = File::create(path).map_err(|error| refused(&error))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => println!("    another set-up is at work in this repository: waiting for it"),
        Err(TryLockError::Error(error)) => return Err(refused(&error)),
    }
    file.lock().map_err(|error| refused(&error))?;
    Ok(file)
}

/// The version of the torch that `LIBTORCH_USE_PYTORCH` refers to, if it is the wanted one.
pub(crate) fn python_module_version() -> Result<String, Failure> {
    let program = if std::env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let remedy = format!(
        "`{program} -m pip install torch=={WANTED}`, or unset LIBTORCH_USE_PYTORCH: set-up then installs libtorch"
    );
    let asked = Run::new(program).args(["-c", "import torch; print(torch.__version__)"]).quiet();
    let answer = asked.map_err(|failure| {
        Failure::new(format!("LIBTORCH_USE_PYTORCH is set, but {program} cannot import torch: {}", failure.what))
            .remedy(&remedy)
    })?;
    let version = answer.trim().split('+').next().unwrap_or_default().to_owned();
    if version == WANTED {
        return Ok(version);
    }
    Err(Failure::new(format!(
        "LIBTORCH_USE_PYTORCH is set, but {program} has torch {version}, and this workspace needs {WANTED}"
    ))
    .remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtorch::folder::testing::{Scratch, fake_libtorch};

    fn repo_with(libtorch: &Scratch) -> Repo {
        let root = libtorch.path().join("repository");
        fs::create_dir_all(root.join(".lzn")).expect("writable");
        link(libtorch.path(), &root.join(".lzn/libtorch")).expect("links can be made");
        Repo::at(root)
    }

    #[test]
    fn a_folder_counts_as_complete_only_with_an_undamaged_stamp() {
        let folder = fake_libtorch("present", WANTED);
        let repo = repo_with(&folder);
        assert_eq!(present(&repo), Present::Unstamped(Build::Cpu));
        let stamp = Stamp::of(folder.path(), WANTED, Build::Cpu, false).expect("readable");
        stamp.write(folder.path()).expect("writable");
        assert_eq!(present(&repo), Present::Complete(stamp));
        fs::write(folder.path().join("lib").join(library_file("c10")), "cut").expect("writable");
        assert!(matches!(present(&repo), Present::Unusable(what) if what.contains("damaged")));
    }

    #[test]
    fn a_stamp_of_another_version_vouches_for_nothing() {
        let folder = fake_libtorch("old-stamp", WANTED);
        Stamp::of(folder.path(), "2.11.0", Build::Cpu, false)
            .and_then(|stamp| stamp.write(folder.path()))
            .expect("writable");
        assert_eq!(present(&repo_with(&folder)), Present::Unstamped(Build::Cpu));
    }

    #[test]
    fn replacing_leaves_nothing_of_the_old_folder_behind() {
        let folder = Scratch::new("replace");
        let (old, new) = (folder.path().join("libtorch"), folder.path().join("libtorch.partial"));
        fs::create_dir(&old).and_then(|()| fs::write(old.join("old"), "")).expect("writable");
        fs::create_dir(&new).and_then(|()| fs::write(new.join("new"), "")).expect("writable");
        replace(&old, &new).expect("both are there");
        assert!(old.join("new").is_file() && !old.join("old").exists());
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }

    #[test]
    fn a_cpu_build_that_was_chosen_is_kept_and_a_cuda_build_is_not_taken_for_it() {
        let folder = fake_libtorch("chosen", WANTED);
        let complete =
            |build, chosen| Present::Complete(Stamp::of(folder.path(), WANTED, build, chosen).expect("readable"));
        assert!(suffices(&complete(Build::Cpu, true), Wish::default()));
        assert!(suffices(&complete(Build::Cuda, false), Wish::default()));
        assert!(!suffices(&complete(Build::Cuda, false), Wish { cpu: true, force: false }));
        assert!(!suffices(&Present::Unstamped(Build::Cpu), Wish::default()));
    }
}
