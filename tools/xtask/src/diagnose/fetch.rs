//! Failures while pip fetches libtorch.

use super::{Diagnosis, Rule};
use crate::libtorch::WANTED;

pub(super) const RULES: &[Rule] = &[no_space, no_pip, no_venv, externally_managed, no_connection, no_wheel];

fn no_space(text: &str) -> Option<Diagnosis> {
    text.contains("No space left on device").then(|| {
        Diagnosis::new(
            "the disk is full",
            "free some disk space, then run the same command again; what is finished is kept",
        )
    })
}

fn no_pip(text: &str) -> Option<Diagnosis> {
    text.contains("No module named pip").then(|| {
        Diagnosis::new(
            "this Python has no pip",
            "install it: `apt-get install python3-pip` (Debian, Ubuntu), `dnf install python3-pip` (Fedora), `python3 -m ensurepip` elsewhere",
        )
    })
}

/// Debian splits the module off.
fn no_venv(text: &str) -> Option<Diagnosis> {
    let missing = text.contains("ensurepip is not available") || text.contains("No module named 'ensurepip'");
    missing.then(|| {
        Diagnosis::new("this Python can make no virtual environment", "`apt-get install python3-venv python3-pip`")
    })
}

/// PEP 668: distributions that manage Python's packages themselves. Set-up only downloads and installs into its own folder,
/// which they allow; people who call pip by hand meet it.
fn externally_managed(text: &str) -> Option<Diagnosis> {
    let managed =
        text.contains("externally-managed-environment") || text.contains("This environment is externally managed");
    managed.then(|| {
        Diagnosis::new(
            "the system's package manager owns this Python, and pip may not install into it",
            "run `cargo xtask setup`, which installs into the repository, or use a virtual environment: `python3 -m venv FOLDER`",
        )
    })
}

fn no_connection(text: &str) -> Option<Diagnosis> {
    let marks = [
        "NewConnectionError",
        "Temporary failure in name resolution",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "SSLError",
        "ProxyError",
    ];
    marks.iter().any(|mark| text.contains(mark)).then(|| {
        Diagnosis::new(
            "pip does not reach its package index",
            "check the network and pip's settings (`python3 -m pip config list`), then run the same command again; what is finished is kept",
        )
    })
}

fn no_wheel(text: &str) -> Option<Diagnosis> {
    let missing = text.contains("No matching distribution found for torch")
        || text.contains("No matching distribution found for nvidia");
    missing.then(|| {
        Diagnosis::new(
            format!("the package index has no torch {WANTED} for this system and Python"),
            format!(
                "use Python 3.10 to 3.14 on 64-bit Linux (glibc 2.28 or newer) or macOS on ARM, with a pip of 2021 or newer; \
                 or install libtorch {WANTED} yourself and set LIBTORCH to its folder"
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnose::recognise;

    #[test]
    fn what_pip_says_is_recognised() {
        let cases = [
            ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
            ("/usr/bin/python3: No module named pip", "no pip"),
            ("error: externally-managed-environment\n\n× This environment is externally managed", "package manager"),
            ("ERROR: No matching distribution found for torch==2.13.0", "no torch"),
            (
                "The virtual environment was not created successfully because ensurepip is not available.",
                "virtual environment",
            ),
        ];
        for (text, expected) in cases {
            let found = recognise(text).expect("a known failure");
            assert!(found.cause.contains(expected), "{text}: {}", found.cause);
        }
    }

    #[test]
    fn a_lost_connection_comes_before_the_missing_wheel_that_follows_from_it() {
        let text = "WARNING: Retrying after connection broken by 'NewConnectionError'\n\
                    ERROR: No matching distribution found for torch==2.13.0";
        assert!(recognise(text).expect("known").cause.contains("does not reach"));
    }
}
