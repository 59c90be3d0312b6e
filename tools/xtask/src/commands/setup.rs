//! `cargo xtask setup`: libtorch for this repository.

use super::Invocation;
use crate::failure::Failure;
use crate::libtorch::install::{self, Wish};

/// Installs libtorch unless it is there already.
pub(crate) fn run(call: &Invocation<'_>) -> Result<(), Failure> {
    install::ensure(call.repo, parse(call.arguments)?)
}

fn parse(arguments: &[String]) -> Result<Wish, Failure> {
    let mut wish = Wish::default();
    for argument in arguments {
        match argument.as_str() {
            "--cpu" => wish.cpu = true,
            "--force" => wish.force = true,
            other => return Err(Failure::new(format!("`setup` knows --cpu and --force, got `{other}`"))),
        }
    }
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_understood_and_others_refused() {
        let wish = parse(&["--cpu".into(), "--force".into()]).expect("both are known");
        assert!(wish.cpu && wish.force);
        let failure = parse(&["--gpu".into()]).expect_err("no such option");
        assert!(failure.what.contains("--gpu"));
    }
}
