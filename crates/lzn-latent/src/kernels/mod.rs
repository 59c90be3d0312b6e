//! The innermost loops: matrix products, exponentials, and what is done to a row of logits.
//!
//! Everything here works on plain slices and strides, allocates nothing, and is compiled for several instruction sets, of
//! which [`vectorised`] takes the best that the processor has.

pub(crate) mod cotangents;
pub(crate) mod exp;
pub(crate) mod gemm;
pub(crate) mod lanes;
pub(crate) mod logits;
pub(crate) mod panels;
pub(crate) mod takeoff;
pub(crate) mod vectors;

/// Runs `work`, compiled for the widest vectors that this processor has. Only what is inlined into it profits.
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
