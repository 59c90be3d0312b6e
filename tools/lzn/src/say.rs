//! Results to standard output, everything else to standard error; whoever reads may stop reading.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use anyhow::{Context, Result};

/// Prints a line of results. A reader that has read enough, such as `head`, is no error; a full disk behind `>` is one.
macro_rules! say {
    ($($part:tt)*) => { $crate::say::line(format_args!($($part)*)) };
}
pub(crate) use say;

/// What [`say!`] does.
pub(crate) fn line(text: fmt::Arguments<'_>) -> Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints a line to standard error, if anybody reads it.
pub(crate) fn note(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// An error with its causes, each said once: messages of our libraries already hold those of their causes.
pub(crate) fn explained(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow!("disk on fire").context("a.png: cannot be read: disk on fire").context("no picture");
        assert_eq!(explained(error.as_ref()), "no picture: a.png: cannot be read: disk on fire");
        assert_eq!(explained(anyhow!("alone").as_ref()), "alone");
    }
}
