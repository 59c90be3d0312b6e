//! Asking a run to stop.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::error::RunError;

/// Exit status of a program that was ended by an interrupt, by convention 128 + 2.
const INTERRUPTED: i32 = 130;

thread_local! {
    /// What the work that this thread does is to look at.
    static WATCHED: RefCell<Option<StopFlag>> = const { RefCell::new(None) };
}

/// Whether somebody asked the run to stop. The training loop looks at it between steps, and work that takes long looks at it along the
/// way, by [`check`].
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

/// Puts back what was watched before, also if the work panics.
struct Before(Option<StopFlag>);

impl Drop for Before {
    fn drop(&mut self) {
        WATCHED.with(|watched| watched.replace(self.0.take()));
    }
}

/// Fails if the work of this thread runs inside of [`StopFlag::watch`] and is no longer wanted. To be called where a second or more may
/// have passed since the last call, and where giving up harms nothing.
///
/// # Errors
/// [`RunError::Interrupted`].
pub fn check() -> Result<(), RunError> {
    let stop = WATCHED.with(|watched| watched.borrow().as_ref().is_some_and(StopFlag::requested));
    if stop { Err(RunError::Interrupted) } else { Ok(()) }
}

impl StopFlag {
    /// A flag that only [`request`](Self::request) sets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag that SIGINT (Ctrl-C) and SIGTERM set. A SIGINT while it is set ends the process at once.
    ///
    /// # Errors
    /// [`RunError::Signal`] if the system refuses the handlers.
    pub fn on_signals() -> Result<Self, RunError> {
        let stop = Self::new();
        let register = || {
            // Handlers run in the order in which they were registered: the one that ends the process must look at the flag before
            // the other sets it.
            flag::register_conditional_shutdown(SIGINT, INTERRUPTED, Arc::clone(&stop.0))?;
            flag::register(SIGINT, Arc::clone(&stop.0))?;
            flag::register(SIGTERM, Arc::clone(&stop.0))
        };
        register().map_err(|source| RunError::Signal { source })?;
        Ok(stop)
    }

    /// Runs `work`, within which [`check`] looks at this flag, on this thread alone.
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        let _before = Before(WATCHED.with(|watched| watched.replace(Some(self.clone()))));
        work()
    }

    /// Asks the run to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to stop.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::process::{Command, Stdio};

    use signal_hook::low_level::raise;

    use super::*;

    #[test]
    fn a_copy_shares_the_request() {
        let stop = StopFlag::new();
        let copy = stop.clone();
        assert!(!copy.requested());
        stop.request();
        assert!(copy.requested());
    }

    #[test]
    fn work_is_interrupted_only_while_it_is_watched() {
        let (outer, inner) = (StopFlag::new(), StopFlag::new());
        inner.request();
        assert!(check().is_ok());
        outer.watch(|| {
            assert!(matches!(inner.watch(check), Err(RunError::Interrupted)));
            assert!(check().is_ok(), "the flag that was watched before is watched again");
            outer.request();
            assert!(check().is_err());
            assert!(std::thread::spawn(check).join().unwrap().is_ok(), "other threads do other work");
        });
        assert!(check().is_ok());
    }

    /// Signals concern a whole process, so the test starts itself as a second one, which sends them to itself.
    #[test]
    fn the_first_signal_asks_and_the_second_interrupt_ends() {
        const CHILD: &str = "LZN_TEST_SIGNALS";
        if let Ok(signals) = std::env::var(CHILD) {
            let stop = StopFlag::on_signals().unwrap();
            for signal in signals.split(' ') {
                raise(if signal == "INT" { SIGINT } else { SIGTERM }).unwrap();
                assert!(stop.requested());
            }
            std::process::exit(7);
        }
        let name = format!("{}::the_first_signal_asks_and_the_second_interrupt_ends", module());
        for (signals, code) in [("INT", 7), ("TERM", 7), ("TERM TERM", 7), ("INT INT", INTERRUPTED)] {
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &name])
                .env(CHILD, signals)
                .stdout(Stdio::null())
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(code), "after {signals}");
        }
    }

    /// Path of this module as the test runner names it: without the crate.
    fn module() -> &'static str {
        module_path!().split_once("::").unwrap().1
    }
}
