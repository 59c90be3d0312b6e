//! Criterion benches, with rivals beside ours.
