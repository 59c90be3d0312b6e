//! Several processes that work together: what they exchange, what gradients become, and what happens when one of them fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot start its workers has failed")]
#![cfg(unix)]

#[path = "dist/collectives.rs"]
mod collectives;
#[path = "dist/failures.rs"]
mod failures;
#[path = "dist/gradients.rs"]
mod gradients;
#[path = "dist/members.rs"]
mod members;
#[path = "dist/watching.rs"]
mod watching;
#[path = "dist/workers.rs"]
mod workers;
