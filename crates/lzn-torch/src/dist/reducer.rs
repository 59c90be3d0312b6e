//! Gradients that are averaged over processes while the backward pass still runs.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tch::Tensor;
use torch_sys::C_tensor;

use super::ffi::{self, Failure, RawReducer};
use super::{DistError, FailureKind, Group, World, watcher};

/// How many bytes of gradients are sent at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// The first to be ready, small so that sending begins early.
    pub first: usize,
    /// All others.
    pub other: usize,
}

impl Default for Buckets {
    /// As PyTorch's DistributedDataParallel has them: 1 MiB, then 25 MiB.
    fn default() -> Self {
        Self { first: 1 << 20, other: 25 << 20 }
    }
}

/// Averages the gradients of parameters over all processes, in buckets, each sent as soon as the backward pass has filled it:
/// libtorch's `c10d::Reducer`, which is what PyTorch's DistributedDataParallel uses.
///
/// Before each backward pass that is to be averaged, call [`Reducer::prepare`] with the loss. Passes without it add to the gradients of
/// this process alone, and the next one with it averages the sum. [`Reducer::finish`] says what it has cost. Parameters that no process's loss depends on keep the gradient that
/// they have, or none. Dropped, it lets go of the parameters.
#[derive(Debug)]
pub struct Reducer {
    raw: NonNull<RawReducer>,
    group: Arc<Group>,
    bytes: usize,
    /// When it was prepared.
    since: Cell<Instant>,
}

impl Reducer {
    /// A reducer of these leaves, which all require gradients and have the same shapes and order in all processes; none in a process of
    /// its own, or without parameters.
    ///
    /// # Errors
    /// [`DistError::Failed`] when the processes have different parameters or the exchange fails.
    pub fn new(world: &World, parameters: &[Tensor], buckets: Buckets) -> Result<Option<Self>, DistError> {
        let Some(group) = world.group().filter(|_| !parameters.is_empty()) else { return Ok(None) };
        let pointers: Vec<*const C_tensor> = parameters.iter().map(Tensor::as_ptr).collect();
        let raw = group.with_raw(|raw| {
            ffi::create(|sink, report| {
                let (first, other) = (buckets.first, buckets.other);
                // SAFETY: the group is open, the tensors live, and there are as many as is said; `sink` fits `report`.
                unsafe { ffi::lzn_dist_reducer(raw, pointers.as_ptr(), pointers.len(), first, other, sink, report) }
            })
        });
        let raw = raw.map_err(|failure| group.failed("reducer of gradients", failure))?;
        let bytes = parameters.iter().map(|parameter| parameter.numel() * parameter.kind().elt_size_in_bytes()).sum();
        Ok(Some(Self { raw, group: Arc::clone(group), bytes, since: Cell::new(Instant::now()) }))
    }

    /// Lets the next backward pass, which must start from `loss`, leave averages over all processes.
    ///
    /// # Errors
    /// [`DistError::Failed`] if the pass before has not been finished, as after an error.
    pub fn prepare(&self, loss: &Tensor) -> Result<(), DistError> {
        self.group.moved(self.bytes);
        let watch = watcher::of_gradients(&self.group);
        // SAFETY: the reducer is there until it is dropped, and the tensor is live; the data of `watch` is given away.
        let call = |sink, report| unsafe {
            ffi::lzn_dist_reducer_prepare(self.raw.as_ptr(), loss.as_ptr(), watch, sink, report)
        };
        self.since.set(Instant::now());
        ffi::attempt(call).map_err(|failure| self.group.failed("average of gradients", failure))
    }

    /// What a backward pass that ended with this message says about the other processes; none if it is not about them, or has been said
    /// in our words already.
    pub fn failure(&self, message: &str) -> Option<DistError> {
        let kind = FailureKind::of(0, message);
        let new = matches!(kind, FailureKind::Timeout | FailureKind::Peer) && !message.contains(kind.what());
        new.then(|| self.group.failed("average of gradients", Failure { kind, message: message.to_owned() }))
    }

    /// To be called after the backward pass: counts as [`Traffic::gradients`](super::Traffic::gradients) how long it has waited for averages
    /// when all gradients of this process were there. What was exchanged before runs beside it and costs nothing.
    pub fn finish(&self) {
        // SAFETY: the reducer is there until it is dropped.
        let ready = unsafe { ffi::lzn_dist_reducer_ready(self.raw.as_ptr()) };
        let ready = Duration::from_nanos(ready.max(0) as u64);
        self.group.waited_for_gradients(self.since.get().elapsed().saturating_sub(ready));
    }
}

impl Drop for Reducer {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and used no more. The group outlives it, since it holds it.
        unsafe { ffi::lzn_dist_reducer_free(self.raw.as_ptr()) };
    }
}
