//! `cargo xtask soak`: runs that are killed and terminated at random moments must end as undisturbed ones.

use super::Invocation;
use crate::failure::Failure;
use crate::libtorch::install::{self, Wish};
use crate::run::Run;
use crate::step::step;

/// The options, and the variables by which the test is told.
const OPTIONS: [(&str, &str); 3] =
    [("--kills", "LZN_SOAK_KILLS"), ("--processes", "LZN_SOAK_PROCESSES"), ("--seed", "LZN_SOAK_SEED")];

/// Runs the soak of the test suite with as many blows, on as many processes, as asked for.
pub(crate) fn run(call: &Invocation<'_>) -> Result<(), Failure> {
    let settings = settings(call.arguments)?;
    install::ensure(call.repo, Wish::default())?;
    step("soak", || {
        let cargo =
            Run::cargo(call.repo).args(["test", "--workspace", "--test", "training", "soak", "--", "--nocapture"]);
        settings.iter().fold(cargo, |cargo, (name, value)| cargo.env(name, value)).show()
    })
}

/// Variables and their values.
fn settings(arguments: &[String]) -> Result<Vec<(&'static str, String)>, Failure> {
    let known = || OPTIONS.map(|(option, _)| option).join(", ");
    let option = |pair: &[String]| {
        let name = OPTIONS.iter().find(|(option, _)| *option == pair[0]);
        let (_, variable) =
            name.ok_or_else(|| Failure::new(format!("`soak` has no option `{}`", pair[0])).remedy(known()))?;
        let value = pair.get(1).ok_or_else(|| Failure::new(format!("`{}` needs a value", pair[0])))?;
        let numbers = value.split(',').all(|number| number.trim().parse::<u64>().is_ok());
        if !numbers || (*variable != "LZN_SOAK_PROCESSES" && value.contains(',')) {
            return Err(Failure::new(format!("`{} {value}`: not a number", pair[0])));
        }
        Ok((*variable, value.clone()))
    };
    arguments.chunks(2).map(option).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_variables_and_others_are_refused() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let found = settings(&words("--kills 200 --processes 1,2")).expect("good options");
        assert_eq!(found, [("LZN_SOAK_KILLS", "200".to_owned()), ("LZN_SOAK_PROCESSES", "1,2".to_owned())]);
        for bad in ["--kill 3", "--kills", "--kills many", "--kills 1,2"] {
            assert!(settings(&words(bad)).is_err(), "{bad}");
        }
    }
}
