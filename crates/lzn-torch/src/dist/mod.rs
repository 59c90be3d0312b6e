//! Several processes that train as one: groups, collectives with time limits, a gather with a gradient, gradients averaged in buckets.
//!
//! The engine is libtorch's own `c10d`: gloo for tensors in main memory, NCCL for those of CUDA devices where the feature `nccl` was
//! compiled in. [`Launch`] is what a launcher said, [`Group`] the connection that it describes, [`World`] a group or none: what is
//! written for a `World` does nothing in a process of its own, and costs nothing.
//!
//! All processes of a group must make the same calls in the same order, with tensors of the same kind and shape. With
//! `LZN_DIST_CHECK=1` each call first compares what the processes are about to do, and differences are an error with names; without, they
//! may end the process. A group in which a call has failed is of no use any more: end the process, start all of them again.
//!
//! # Gradients
//! [`World::gather_rows`] gives every process the rows of all. Its gradient is the sum of what all processes send back, not divided; a
//! [`Reducer`] averages gradients of parameters over the processes. Together, where each process takes the mean over its own rows as its
//! loss and all have as many, gradients are those of one process that takes the mean over all rows.

mod error;
mod ffi;
mod gather;
mod group;
mod launch;
mod reducer;
mod traffic;
mod watcher;
mod world;

pub use error::{DistError, FailureKind};
pub use group::{Backend, Group, Reduce};
pub use launch::Launch;
pub use reducer::{Buckets, Reducer};
pub use traffic::Traffic;
pub use world::World;
