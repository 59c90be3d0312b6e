//! Every pair of source and target of a model with three data types, and what must hold of latents on the way.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its model has failed")]

#[path = "tasks/invariants.rs"]
mod invariants;
#[path = "tasks/support.rs"]
mod support;
#[path = "tasks/table.rs"]
mod table;
#[path = "tasks/unpaired.rs"]
mod unpaired;
