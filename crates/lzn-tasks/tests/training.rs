//! Training from the outside: one step, whole runs, and what is left when a run is stopped or damaged.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its files has failed")]

#[path = "training/adam.rs"]
mod adam;
#[path = "training/damage.rs"]
mod damage;
#[path = "training/evaluation.rs"]
mod evaluation;
#[path = "training/interruption.rs"]
mod interruption;
#[path = "training/micro_batch.rs"]
mod micro_batch;
#[path = "training/objectives.rs"]
mod objectives;
#[path = "training/precision.rs"]
mod precision;
#[path = "training/probes.rs"]
mod probes;
#[path = "training/published.rs"]
mod published;
#[path = "training/python.rs"]
mod python;
#[path = "training/representation.rs"]
mod representation;
#[path = "training/rivals.rs"]
mod rivals;
#[path = "training/runs.rs"]
mod runs;
#[cfg(unix)]
#[expect(dead_code, reason = "the tests of process groups use more of it")]
#[path = "../../lzn-torch/tests/dist/workers.rs"]
mod started;
#[path = "training/steps.rs"]
mod steps;
#[path = "training/support.rs"]
mod support;
#[path = "training/texts.rs"]
mod texts;
#[cfg(unix)]
#[path = "training/workers.rs"]
mod workers;
