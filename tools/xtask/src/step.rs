//! Runs steps one after the other, each with a heading and its time.

use std::time::Instant;

use crate::failure::Failure;
use crate::progress;

/// Runs `work` under a heading and says how long it took. A failure names the step.
pub(crate) fn step<T>(title: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    println!("==> {title}");
    let start = Instant::now();
    let result = work();
    let elapsed = progress::time(start.elapsed());
    match result {
        Ok(value) => {
            println!("    done in {elapsed}");
            Ok(value)
        }
        Err(failure) => {
            println!("    failed after {elapsed}");
            Err(Failure { what: format!("{title}: {}", failure.what), ..failure })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_is_named_and_keeps_its_remedy() {
        let failure =
            step("unpack", || Err::<(), _>(Failure::new("no space").remedy("make room"))).expect_err("the step fails");
        assert_eq!(failure, Failure::new("unpack: no space").remedy("make room"));
    }
}
