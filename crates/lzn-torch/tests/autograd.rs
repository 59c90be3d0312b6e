//! Operations with a backward pass in Rust: gradients, lifetimes, refusals, failures and threads.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "autograd/common.rs"]
mod common;
#[path = "autograd/failures.rs"]
mod failures;
#[path = "autograd/gradients.rs"]
mod gradients;
#[path = "autograd/lifetimes.rs"]
mod lifetimes;
#[path = "autograd/recompute.rs"]
mod recompute;
#[path = "autograd/refusals.rs"]
mod refusals;
#[path = "autograd/second.rs"]
mod second;
#[path = "autograd/threads.rs"]
mod threads;
