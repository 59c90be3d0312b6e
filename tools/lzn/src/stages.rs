//! Shows how far an evaluation is: a bar on a terminal, lines elsewhere, both on the standard error.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use lzn_tasks::evaluate::Progress;

use crate::say::note;

/// Where there is no terminal, time between two lines, and what a stage must take to be worth one.
const EVERY: Duration = Duration::from_secs(20);

/// The stage that is under way.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    current: RefCell<Option<Stage>>,
}

#[derive(Debug)]
struct Stage {
    name: String,
    done: usize,
    total: usize,
    /// On a terminal.
    bar: Option<ProgressBar>,
    /// When the last line was written, or the stage began.
    last: Instant,
}

impl Progress for Stages {
    fn begin(&self, stage: &str, total: usize) {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64).with_message(stage.to_owned());
            match ProgressStyle::with_template("{bar:20.cyan/dim} {pos}/{len} {msg}, {eta} left") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        let stage = Stage { name: stage.to_owned(), done: 0, total, bar, last: Instant::now() };
        if let Some(bar) = self.current.replace(Some(stage)).and_then(|before| before.bar) {
            bar.finish_and_clear();
        }
    }

    fn advance(&self, units: usize) {
        let mut current = self.current.borrow_mut();
        let Some(stage) = current.as_mut() else { return };
        stage.done += units;
        match &stage.bar {
            Some(bar) => bar.inc(units as u64),
            None if stage.last.elapsed() > EVERY => {
                note(format_args!("{}: {} of {}", stage.name, stage.done, stage.total));
                stage.last = Instant::now();
            }
            None => {}
        }
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        if let Some(bar) = self.current.take().and_then(|stage| stage.bar) {
            bar.finish_and_clear();
        }
    }
}
