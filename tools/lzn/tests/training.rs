//! `lzn train` and `lzn resume` as a user meets them: stopping, going on, bad input.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]
#![cfg(unix)]

#[path = "training/data.rs"]
mod data;
#[path = "training/evaluation.rs"]
mod evaluation;
#[path = "training/events.rs"]
mod events;
#[path = "training/exchange.rs"]
mod exchange;
#[path = "training/full_disk.rs"]
mod full_disk;
#[cfg(unix)]
#[path = "training/processes.rs"]
mod processes;
#[path = "training/refusals.rs"]
mod refusals;
#[path = "training/report.rs"]
mod report;
#[path = "training/soak.rs"]
mod soak;
#[path = "training/stopping.rs"]
mod stopping;
#[path = "training/support.rs"]
mod support;
#[path = "training/watching.rs"]
mod watching;
