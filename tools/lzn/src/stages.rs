//! Shows how far an evaluation is: a bar on a terminal, a line for each stage elsewhere, both on the standard error.

use std::cell::RefCell;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use lzn_tasks::evaluate::Progress;

use crate::say::note;

/// The stage that is under way.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    bar: RefCell<Option<ProgressBar>>,
}

impl Progress for Stages {
    fn begin(&self, stage: &str, total: usize) {
        if !std::io::stderr().is_terminal() {
            note(format_args!("{stage} ({total})"));
            return;
        }
        let bar = ProgressBar::new(total as u64).with_message(stage.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{bar:20.cyan/dim} {pos}/{len} {msg}, {eta} left") {
            bar.set_style(style);
        }
        if let Some(before) = self.bar.replace(Some(bar)) {
            before.finish_and_clear();
        }
    }

    fn advance(&self, units: usize) {
        if let Some(bar) = self.bar.borrow().as_ref() {
            bar.inc(units as u64);
        }
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
