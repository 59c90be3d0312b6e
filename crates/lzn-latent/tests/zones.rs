//! Properties that hold whatever the implementation: closed forms, symmetries, moments, gradients, orders, refusals.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "zones/closed_forms.rs"]
mod closed_forms;
#[path = "zones/common.rs"]
mod common;
#[path = "zones/converged.rs"]
mod converged;
#[path = "zones/density.rs"]
mod density;
#[path = "zones/field.rs"]
mod field;
#[path = "zones/free_flight.rs"]
mod free_flight;
#[path = "zones/gauge.rs"]
mod gauge;
#[path = "zones/gaussian.rs"]
mod gaussian;
#[path = "zones/gradients.rs"]
mod gradients;
#[path = "zones/hits.rs"]
mod hits;
#[path = "zones/multistep.rs"]
mod multistep;
#[path = "zones/orders.rs"]
mod orders;
#[path = "zones/precision.rs"]
mod precision;
#[path = "zones/refusals.rs"]
mod refusals;
#[path = "zones/sampled.rs"]
mod sampled;
#[path = "zones/single.rs"]
mod single;
#[path = "zones/stress.rs"]
mod stress;
#[path = "zones/symmetries.rs"]
mod symmetries;
#[path = "zones/tiling.rs"]
mod tiling;
