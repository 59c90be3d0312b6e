//! The zone operations on tensors, against the host in double precision, against finite differences, and against bad input.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "zones/common.rs"]
mod common;
#[path = "zones/differences.rs"]
mod differences;
#[path = "zones/host.rs"]
mod host;
#[path = "zones/precision.rs"]
mod precision;
#[path = "zones/refusals.rs"]
mod refusals;
