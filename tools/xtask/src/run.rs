//! Runs other programs: shows the command, passes its output on, and explains a failure where it can.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::diagnose;
use crate::failure::Failure;
use crate::repo::Repo;

/// How much of the end of a program's error output is kept to recognise the failure by.
const KEPT: usize = 256 * 1024;

/// A program with its arguments and environment.
pub(crate) struct Run {
    command: Command,
}

impl Run {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program) }
    }

    /// The cargo that runs us, in the repository's root.
    pub(crate) fn cargo(repo: &Repo) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(cargo).dir(repo.root())
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it in the open: the user sees the command and everything that it prints.
    pub(crate) fn show(mut self) -> Result<(), Failure> {
        let shown = self.shown();
        println!("    $ {shown}");
        self.keep_colours();
        let mut child = self.command.stderr(Stdio::piped()).spawn().map_err(|error| not_started(&shown, &error))?;
        let errors = child.stderr.take().map(|pipe| thread::spawn(move || pass_on(pipe, io::stderr())));
        let status = child.wait().map_err(|error| Failure::new(format!("lost track of `{shown}`: {error}")))?;
        let tail = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
        if status.success() { Ok(()) } else { Err(failed(&shown, &status.to_string(), &tail)) }
    }

    /// Runs it behind the scenes and gives back its standard output.
    pub(crate) fn quiet(mut self) -> Result<String, Failure> {
        let shown = self.shown();
        let output = self.command.stdin(Stdio::null()).output().map_err(|error| not_started(&shown, &error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let last_lines: Vec<&str> = errors.lines().rev().take(8).collect();
        let quoted = last_lines.iter().rev().map(|line| format!("\n    {line}")).collect::<String>();
        let mut failure = failed(&shown, &output.status.to_string(), &errors);
        failure.what.push_str(&quoted);
        Err(failure)
    }

    /// Runs it with its error output in the open, and gives back its standard output, which must be short.
    pub(crate) fn capture(mut self) -> Result<String, Failure> {
        let shown = self.shown();
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(&shown, &error))?;
        let errors = child.stderr.take().map(|pipe| thread::spawn(move || pass_on(pipe, io::stderr())));
        let output =
            child.wait_with_output().map_err(|error| Failure::new(format!("lost track of `{shown}`: {error}")))?;
        let tail = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
        if !output.status.success() {
            return Err(failed(&shown, &output.status.to_string(), &tail));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Gives this process over to the program, so that signals such as Ctrl-C reach it directly.
    pub(crate) fn replace(mut self) -> Result<(), Failure> {
        let shown = self.shown();
        println!("    $ {shown}");
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            let error = self.command.exec();
            Err(not_started(&shown, &error))
        }
        #[cfg(not(unix))]
        {
            let status = self.command.status().map_err(|error| not_started(&shown, &error))?;
            if status.success() { Ok(()) } else { Err(failed(&shown, &status.to_string(), "")) }
        }
    }

    /// Cargo would drop colours and its progress bar, seeing that its error output is a pipe.
    fn keep_colours(&mut self) {
        if io::stderr().is_terminal() {
            self.command.env("CARGO_TERM_COLOR", "always");
            self.command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "80");
        }
    }

    fn shown(&self) -> String {
        let program =
            Path::new(self.command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let args = self.command.get_args().map(|arg| match arg.to_string_lossy() {
            // Whole programs given with -c are not for reading.
            text if text.contains('\n') => "'...'".to_owned(),
            text if text.contains(' ') => format!("'{text}'"),
            text => text.into_owned(),
        });
        std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
    }
}

fn not_started(shown: &str, error: &io::Error) -> Failure {
    Failure::new(format!("cannot start `{shown}`: {error}"))
}

fn failed(shown: &str, status: &str, errors: &str) -> Failure {
    let failure = Failure::new(format!("`{shown}` failed ({status})"));
    match diagnose::recognise(errors) {
        Some(found) => {
            Failure { what: format!("{}\ncause: {}", failure.what, found.cause), ..failure }.remedy(found.remedy)
        }
        None => failure,
    }
}

/// Copies a stream as it comes and returns its end as text.
fn pass_on(mut from: impl Read, mut to: impl Write) -> String {
    let mut tail = VecDeque::new();
    let mut buffer = [0; 8192];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        // Nobody may be listening any more; the tail still serves the diagnosis.
        let _ = to.write_all(&buffer[..count]).and_then(|()| to.flush());
        tail.extend(&buffer[..count]);
        tail.drain(..tail.len().saturating_sub(KEPT));
    }
    String::from_utf8_lossy(tail.make_contiguous()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_passed_on_whole_and_its_end_is_kept() {
        let text = "x".repeat(KEPT) + "the end";
        let mut copy = Vec::new();
        let tail = pass_on(text.as_bytes(), &mut copy);
        assert_eq!(copy, text.as_bytes());
        assert_eq!(tail.len(), KEPT);
        assert!(tail.ends_with("xthe end"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failure = Run::new("no-such-program-here").arg("--flag").quiet().expect_err("nothing to start");
        assert!(failure.what.contains("`no-such-program-here --flag`"), "{failure}");
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_quotes_the_error_output_and_names_the_cause() {
        let script = "echo 'No module named pip' >&2; exit 3";
        let failure = Run::new("sh").args(["-c", script]).quiet().expect_err("it exits with 3");
        assert!(failure.what.contains("\n    No module named pip"), "{failure}");
        assert!(failure.what.contains("cause: "), "{failure}");
    }
}
