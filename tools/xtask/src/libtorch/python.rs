//! The Python that fetches and unpacks: found on the machine, with pip, or with a virtual environment of our own.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::repo::Repo;
use crate::run::Run;

/// Minor versions of Python 3 for which there is a wheel of the wanted torch.
const WITH_WHEELS: std::ops::RangeInclusive<u32> = 10..=14;

const NO_PYTHON: &str = "install Python 3 with pip: `apt-get install python3 python3-pip` (Debian, Ubuntu), \
     `dnf install python3-pip` (Fedora), `pacman -S python-pip` (Arch), `brew install python` (macOS)";

/// A Python 3 that can run pip.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    program: PathBuf,
    /// Major and minor version.
    version: (u32, u32),
    /// Major and minor version of its pip.
    pip: (u32, u32),
}

impl Python {
    /// Finds Python with pip; where only pip is missing, makes a virtual environment in `.lzn/venv`.
    pub(crate) fn find(repo: &Repo) -> Result<Self, Failure> {
        let (program, _) = interpreter()?;
        let venv = venv(repo);
        if pip_version(&program).is_none() && pip_version(&in_venv(&venv)).is_none() {
            println!("    this Python has no pip: making a virtual environment in {}", repo.shown(&venv));
            let made = Run::new(&program).args(["-m", "venv", "--clear"]).arg(&venv).quiet();
            made.map_err(|failure| Failure { remedy: None, ..failure }.remedy(NO_PYTHON))?;
        }
        Self::look(repo)
    }

    /// Finds Python with pip, of the system or from an earlier set-up, and changes nothing.
    pub(crate) fn look(repo: &Repo) -> Result<Self, Failure> {
        let (program, version) = interpreter()?;
        for program in [program, in_venv(&venv(repo))] {
            if let Some(pip) = pip_version(&program) {
                return Ok(Self { program, version, pip });
            }
        }
        let what = format!("Python {}.{} is there, but without pip", version.0, version.1);
        Err(Failure::new(what)
            .remedy(format!("`cargo xtask setup` tries a virtual environment of its own; if that fails, {NO_PYTHON}")))
    }

    /// A command for this interpreter.
    pub(crate) fn run(&self) -> Run {
        Run::new(&self.program)
    }

    /// A command for its pip, with settings that would send files elsewhere taken out.
    pub(crate) fn pip(&self) -> Run {
        let mut run = self.run().args(["-m", "pip"]);
        for variable in ["PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_NO_BINARY"] {
            run = run.without_env(variable);
        }
        run.args(["--disable-pip-version-check", "--no-input"])
    }

    /// Options of pip that make big downloads reliable with this version of it.
    pub(crate) fn download_options(&self) -> Vec<&'static str> {
        let mut options = Vec::new();
        // A dropped connection then goes on where it stopped instead of starting again.
        if self.pip >= (25, 1) {
            options.extend(["--resume-retries", "10"]);
        }
        options
    }

    /// Options that let pip download the wheel of another Python, for when this one is too old or too new for torch.
    /// The libraries inside are the same for all of them.
    pub(crate) fn wheel_options(&self) -> &'static [&'static str] {
        if self.has_wheels() { &["--only-binary=:all:"] } else { &["--only-binary=:all:", "--python-version=3.12"] }
    }

    /// Whether torch can be installed for this very Python.
    pub(crate) fn has_wheels(&self) -> bool {
        self.version.0 == 3 && WITH_WHEELS.contains(&self.version.1)
    }

    /// For people: `Python 3.11 (python3), pip 23.2`.
    pub(crate) fn described(&self) -> String {
        let (program, python, pip) = (self.program.display(), self.version, self.pip);
        format!("Python {}.{} ({program}), pip {}.{}", python.0, python.1, pip.0, pip.1)
    }

    /// Whether a library and everything that it links can be loaded; the error quotes the loader.
    pub(crate) fn can_load(&self, library: &Path) -> Result<(), Failure> {
        const LOAD: &str = "import ctypes, sys; ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)";
        // LD_LIBRARY_PATH of the user must not hide what is missing beside the library.
        let run = self.run().args(["-c", LOAD]).arg(library).without_env("LD_LIBRARY_PATH");
        run.quiet().map(drop).map_err(|failure| Failure {
            what: format!("{} does not load: {}", library.display(), failure.what),
            ..failure
        })
    }
}

/// The interpreter that torch-sys would call too, and its version.
fn interpreter() -> Result<(PathBuf, (u32, u32)), Failure> {
    let names = if std::env::var_os("VIRTUAL_ENV").is_some() { ["python", "python3"] } else { ["python3", "python"] };
    let mut too_old = None;
    for name in names {
        let asked = Run::new(name).args(["-c", "import sys; print(sys.version_info[0], sys.version_info[1])"]).quiet();
        match asked.ok().and_then(|answer| version_pair(&answer)) {
            Some(version) if version >= (3, 8) => return Ok((name.into(), version)),
            found => too_old = too_old.or(found),
        }
    }
    let what = match too_old {
        Some((major, minor)) => format!("the only Python here is {major}.{minor}; set-up needs 3.8 or newer"),
        None => "there is no Python on this machine; set-up fetches libtorch with its package manager pip".to_owned(),
    };
    Err(Failure::new(what).remedy(NO_PYTHON))
}

fn venv(repo: &Repo) -> PathBuf {
    repo.state().join("venv")
}

fn in_venv(venv: &Path) -> PathBuf {
    venv.join("bin").join("python")
}

fn pip_version(program: &Path) -> Option<(u32, u32)> {
    let answer = Run::new(program).args(["-m", "pip", "--version"]).quiet().ok()?;
    version_pair(answer.strip_prefix("pip ")?)
}

/// The first two numbers of `3 11`, `23.2.1 from ...` or `25.1`.
fn version_pair(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(version: (u32, u32), pip: (u32, u32)) -> Python {
        Python { program: "python3".into(), version, pip }
    }

    #[test]
    fn versions_are_read_as_python_and_pip_print_them() {
        assert_eq!(version_pair("3 11\n"), Some((3, 11)));
        assert_eq!(version_pair("23.2.1 from /usr/lib/python3/dist-packages/pip (python 3.11)"), Some((23, 2)));
        assert_eq!(version_pair("no numbers"), None);
    }

    #[test]
    fn a_python_without_wheels_of_its_own_borrows_those_of_another() {
        assert!(python((3, 11), (23, 2)).has_wheels());
        assert!(python((3, 9), (23, 2)).wheel_options().contains(&"--python-version=3.12"));
        assert!(python((3, 15), (26, 0)).wheel_options().contains(&"--python-version=3.12"));
    }

    #[test]
    fn only_a_pip_that_can_resume_is_asked_to() {
        assert!(python((3, 11), (25, 0)).download_options().is_empty());
        assert_eq!(python((3, 11), (25, 1)).download_options(), ["--resume-retries", "10"]);
    }
}
