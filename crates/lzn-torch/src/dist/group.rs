//! Processes that are connected, and what they do together.

use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tch::{Device, Kind, Tensor};

use super::ffi::{self, Failure, RawGroup, Report};
use super::traffic::{Counters, Traffic};
use super::watcher::Watcher;
use super::{DistError, FailureKind, Launch};

/// What moves the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// gloo alone: tensors in main memory.
    Gloo,
    /// NCCL for tensors of CUDA devices, gloo for those in main memory.
    Nccl,
}

impl Backend {
    /// The one for tensors of this device.
    pub fn of(device: Device) -> Self {
        if device.is_cuda() { Self::Nccl } else { Self::Gloo }
    }
}

/// How numbers of several processes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduce {
    /// Their sum; of booleans whether one of them is true.
    Sum,
    /// Their mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl Reduce {
    fn number(self) -> c_int {
        match self {
            Self::Sum => 0,
            Self::Mean => 1,
            Self::Min => 2,
            Self::Max => 3,
        }
    }
}

/// Set to 1, every call first compares what the processes are about to do.
const CHECK: &str = "LZN_DIST_CHECK";

/// What processes can exchange.
const KINDS: [Kind; 7] = [Kind::Float, Kind::Double, Kind::Half, Kind::BFloat16, Kind::Int64, Kind::Uint8, Kind::Bool];

/// Processes that are connected. All of them must make the same calls in the same order.
#[derive(Debug)]
pub struct Group {
    raw: NonNull<RawGroup>,
    /// Held during a call.
    turn: Mutex<()>,
    rank: usize,
    size: usize,
    backend: Backend,
    limit: Duration,
    checked: bool,
    counters: Counters,
    watcher: Watcher,
}

// SAFETY: libtorch's groups may be used from any thread, as its engine does on threads of its own; the lock keeps calls from here
// apart, so that their order is the same in all processes. Its store has a lock of its own.
unsafe impl Send for Group {}
// SAFETY: as above; everything else in it is `Sync`.
unsafe impl Sync for Group {}

impl Group {
    /// Joins the processes that a launcher has started; returns when all are there. `limit` is the time that this, and later each
    /// call, may take; it is rounded to milliseconds.
    ///
    /// Connections go through the network device that leads to process 0, or through those that `GLOO_SOCKET_IFNAME` names.
    ///
    /// # Errors
    /// [`DistError::Join`] if some process does not come in time; [`DistError::NoNccl`] if this program was built without what `backend`
    /// needs.
    pub fn open(launch: &Launch, backend: Backend, limit: Duration) -> Result<Self, DistError> {
        if backend == Backend::Nccl && !cfg!(feature = "nccl") {
            return Err(DistError::NoNccl);
        }
        let join = |failure: Failure| DistError::Join {
            rank: launch.rank,
            size: launch.size,
            address: format!("{}:{}", launch.host, launch.port),
            limit,
            message: failure.message,
        };
        let text = |text: &str| {
            let message = "it holds a zero byte".to_owned();
            CString::new(text).map_err(|_| join(Failure { kind: FailureKind::Other, message }))
        };
        let host = text(&launch.host)?;
        let chosen = std::env::var_os("GLOO_SOCKET_IFNAME").is_some();
        let address = launch.own_address().filter(|_| !chosen).map(|address| text(&address.to_string())).transpose()?;
        let listens = launch.rank == 0 && !launch.agent_listens;
        let (rank, size) = (launch.rank as c_int, launch.size as c_int);
        let raw = ffi::create(|sink, report| {
            let (host, address) = (host.as_ptr(), ffi::pointer(address.as_deref()));
            let (port, limit, nccl) = (launch.port, milliseconds(limit), backend == Backend::Nccl);
            // SAFETY: both texts end with a zero byte and outlive the call; `sink` fits `report`.
            unsafe { ffi::lzn_dist_open(host, port, listens, rank, size, limit, address, nccl, sink, report) }
        });
        Ok(Self {
            raw: raw.map_err(join)?,
            turn: Mutex::new(()),
            rank: launch.rank,
            size: launch.size,
            backend,
            limit,
            checked: std::env::var(CHECK).is_ok_and(|value| value == "1"),
            counters: Counters::default(),
            watcher: Watcher::default(),
        })
    }

    /// Number of this process.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How long a call may take.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// What calls have moved and cost so far.
    pub fn traffic(&self) -> Traffic {
        self.counters.get()
    }

    /// Puts the reduction of the tensors of all processes in the place of each.
    ///
    /// # Errors
    /// [`DistError::Refused`] for a tensor that cannot be sent, [`DistError::Failed`] when the exchange fails.
    pub fn all_reduce(&self, tensor: &mut Tensor, reduce: Reduce) -> Result<(), DistError> {
        self.all_reduce_within(tensor, reduce, self.limit)
    }

    /// The same with a time limit of its own, as when the others wait for one that has something long to do.
    ///
    /// # Errors
    /// As [`Group::all_reduce`].
    pub fn all_reduce_within(&self, tensor: &mut Tensor, reduce: Reduce, limit: Duration) -> Result<(), DistError> {
        const OPERATION: &str = "all_reduce";
        self.sendable(OPERATION, tensor)?;
        if reduce == Reduce::Mean && !tensor.is_floating_point() {
            return Err(refused(
                OPERATION,
                format!("the mean of {:?} is not of its kind: take the sum", tensor.kind()),
            ));
        }
        self.agreed(OPERATION, tensor)?;
        self.call(OPERATION, bytes(tensor), |group, sink, report| {
            // SAFETY: the group is open and the tensor live; nobody else writes to it, since it is borrowed exclusively.
            unsafe {
                ffi::lzn_dist_all_reduce(group, tensor.as_ptr(), reduce.number(), milliseconds(limit), sink, report)
            }
        })
    }

    /// Puts the tensor of process `root` in the place of each.
    ///
    /// # Errors
    /// As [`Group::all_reduce`].
    pub fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<(), DistError> {
        const OPERATION: &str = "broadcast";
        self.sendable(OPERATION, tensor)?;
        if root >= self.size {
            return Err(refused(OPERATION, format!("there is no worker {root} among {}", self.size)));
        }
        self.agreed(OPERATION, tensor)?;
        let moved = if root == self.rank { bytes(tensor) } else { 0 };
        self.call(OPERATION, moved, |group, sink, report| {
            // SAFETY: as in `all_reduce`.
            unsafe { ffi::lzn_dist_broadcast(group, tensor.as_ptr(), root as c_int, sink, report) }
        })
    }

    /// The rows `[n, ...]` of all processes in their order, `[size * n, ...]`; without a gradient.
    ///
    /// # Errors
    /// As [`Group::all_reduce`]; scalars have no rows.
    pub fn all_gather(&self, tensor: &Tensor) -> Result<Tensor, DistError> {
        const OPERATION: &str = "all_gather";
        self.sendable(OPERATION, tensor)?;
        let mut shape = rows(OPERATION, tensor)?;
        self.agreed(OPERATION, tensor)?;
        shape[0] *= self.size as i64;
        let all = Tensor::empty(shape.as_slice(), (tensor.kind(), tensor.device()));
        self.call(OPERATION, bytes(tensor), |group, sink, report| {
            // SAFETY: the group is open and both tensors are live; `all` is ours, and as long as the call writes.
            unsafe { ffi::lzn_dist_all_gather(group, all.as_ptr(), tensor.as_ptr(), sink, report) }
        })?;
        Ok(all)
    }

    /// Of rows `[size * n, ...]`, reduced over all processes, this one's share `[n, ...]`; without a gradient.
    ///
    /// # Errors
    /// As [`Group::all_reduce`]; the rows must be divisible among the processes.
    pub fn reduce_scatter(&self, tensor: &Tensor, reduce: Reduce) -> Result<Tensor, DistError> {
        const OPERATION: &str = "reduce_scatter";
        self.sendable(OPERATION, tensor)?;
        let mut shape = rows(OPERATION, tensor)?;
        if shape[0] % self.size as i64 != 0 {
            let problem = format!("{} rows cannot be divided among {} workers", shape[0], self.size);
            return Err(refused(OPERATION, problem));
        }
        self.agreed(OPERATION, tensor)?;
        shape[0] /= self.size as i64;
        let own = Tensor::empty(shape.as_slice(), (tensor.kind(), tensor.device()));
        self.call(OPERATION, bytes(tensor), |group, sink, report| {
            let number = reduce.number();
            // SAFETY: as in `all_gather`.
            unsafe { ffi::lzn_dist_reduce_scatter(group, own.as_ptr(), tensor.as_ptr(), number, sink, report) }
        })?;
        Ok(own)
    }

    /// Returns when all processes have called it. `limit` may be longer than that of the group, as when the others wait for one.
    ///
    /// # Errors
    /// [`DistError::Failed`] if one does not come in time or has gone.
    pub fn barrier(&self, limit: Duration) -> Result<(), DistError> {
        self.call("barrier", 0, |group, sink, report| {
            // SAFETY: the group is open.
            unsafe { ffi::lzn_dist_barrier(group, milliseconds(limit), sink, report) }
        })
    }

    /// A [`Group::barrier`] whose error names, in process 0, who did not come: for finding out who hangs. Slower than that.
    ///
    /// # Errors
    /// As [`Group::barrier`].
    pub fn monitored_barrier(&self, limit: Duration) -> Result<(), DistError> {
        self.call("monitored_barrier", 0, |group, sink, report| {
            // SAFETY: the group is open.
            unsafe { ffi::lzn_dist_monitored_barrier(group, milliseconds(limit), sink, report) }
        })
    }

    /// Leaves a name for [`Group::is_signed`] in any of the processes. Neither of the two is a call that all must make, and both may be
    /// made while another thread is in one.
    ///
    /// # Errors
    /// [`DistError::Failed`] if the store of the group, which is in process 0 or its launcher, cannot be reached.
    pub fn sign(&self, name: &CStr) -> Result<(), DistError> {
        // SAFETY: the group is open and the name live; libtorch's store locks itself.
        let call = |sink, report| unsafe { ffi::lzn_dist_sign(self.raw.as_ptr(), name.as_ptr(), sink, report) };
        ffi::attempt(call).map_err(|failure| self.failed("sign", failure))
    }

    /// Whether one of the processes has left this name.
    ///
    /// # Errors
    /// As [`Group::sign`].
    pub fn is_signed(&self, name: &CStr) -> Result<bool, DistError> {
        let mut there = false;
        let call = |sink, report| {
            // SAFETY: as in `sign`; `there` outlives the call.
            unsafe { ffi::lzn_dist_signed(self.raw.as_ptr(), name.as_ptr(), &raw mut there, sink, report) }
        };
        ffi::attempt(call).map_err(|failure| self.failed("look for a sign", failure))?;
        Ok(there)
    }

    /// Gives the open group to a function on the other side.
    pub(super) fn with_raw<T>(&self, work: impl FnOnce(*mut RawGroup) -> T) -> T {
        // A thread that panicked in a call left the group as a failed call does.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        work(self.raw.as_ptr())
    }

    /// The error of a failure in this group.
    pub(super) fn failed(&self, operation: &'static str, failure: Failure) -> DistError {
        let Failure { kind, message } = failure;
        DistError::Failed { operation, rank: self.rank, size: self.size, kind, message }
    }

    /// Counts time in which averages of gradients were waited for.
    pub(super) fn waited_for_gradients(&self, time: Duration) {
        self.counters.waited_for_gradients(time);
    }

    /// Whoever watches.
    pub(super) fn watcher(&self) -> &Watcher {
        &self.watcher
    }

    /// Counts bytes that are exchanged beside the calls of this group.
    pub(super) fn moved(&self, bytes: usize) {
        self.counters.moved(bytes);
    }

    fn call(
        &self,
        operation: &'static str,
        bytes: usize,
        work: impl FnOnce(*mut RawGroup, *mut c_void, Report) -> bool,
    ) -> Result<(), DistError> {
        let _waiting = self.watcher.begin(operation);
        let call = || self.with_raw(|group| ffi::attempt(|sink, report| work(group, sink, report)));
        let of_rows = matches!(operation, "all_gather" | "reduce_scatter");
        self.counters.count(bytes, of_rows, call).map_err(|failure| self.failed(operation, failure))
    }

    /// Refuses what would be sent wrongly: of a tensor with gaps, gloo would send what lies between.
    fn sendable(&self, operation: &'static str, tensor: &Tensor) -> Result<(), DistError> {
        if !tensor.defined() {
            return Err(refused(operation, "the tensor is undefined".to_owned()));
        }
        if !tensor.is_contiguous() {
            return Err(refused(operation, "the tensor is a view with gaps: send `contiguous()`".to_owned()));
        }
        if !KINDS.contains(&tensor.kind()) {
            return Err(refused(
                operation,
                format!("numbers of kind {:?} cannot be sent: convert them", tensor.kind()),
            ));
        }
        match tensor.device() {
            Device::Cpu => Ok(()),
            Device::Cuda(_) if self.backend == Backend::Nccl => Ok(()),
            Device::Cuda(_) => Err(DistError::NoNccl),
            other => Err(refused(operation, format!("tensors on {other:?} cannot be sent: move them to the CPU"))),
        }
    }

    /// With [`CHECK`], refuses a call that another process does not make as well.
    fn agreed(&self, operation: &'static str, tensor: &Tensor) -> Result<(), DistError> {
        if !self.checked {
            return Ok(());
        }
        let kind = KINDS.iter().position(|kind| *kind == tensor.kind()).unwrap_or_default();
        let own = [i64::from(crc32fast::hash(operation.as_bytes())), kind as i64, tensor.numel() as i64];
        let sent = Tensor::from_slice(&own);
        let all = Tensor::zeros([(self.size * own.len()) as i64], (Kind::Int64, Device::Cpu));
        self.call(operation, bytes(&sent), |group, sink, report| {
            // SAFETY: as in `all_gather`.
            unsafe { ffi::lzn_dist_all_gather(group, all.as_ptr(), sent.as_ptr(), sink, report) }
        })?;
        let all: Vec<i64> = Vec::try_from(&all).unwrap_or_default();
        let Some(rank) = all.chunks(own.len()).position(|other| other != own) else { return Ok(()) };
        let other = &all[rank * own.len()..][..own.len()];
        let kind = KINDS.get(other[1] as usize).unwrap_or(&Kind::Float);
        let call = if other[0] == own[0] { "the same call" } else { "another call" };
        let (here, count) = (self.rank, own[2]);
        let problem = format!(
            "worker {here} has {count} numbers of {:?}, worker {rank} has {} of {kind:?} in {call}",
            tensor.kind(),
            other[2]
        );
        Err(DistError::Apart { operation, problem })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, and used no more.
        self.with_raw(|group| unsafe { ffi::lzn_dist_close(group) });
    }
}

fn refused(operation: &'static str, problem: String) -> DistError {
    DistError::Refused { operation, problem }
}

/// The shape of a tensor that has rows.
fn rows(operation: &'static str, tensor: &Tensor) -> Result<Vec<i64>, DistError> {
    let shape = tensor.size();
    if shape.is_empty() {
        Err(refused(operation, "a scalar has no rows: give it a dimension".to_owned()))
    } else {
        Ok(shape)
    }
}

fn bytes(tensor: &Tensor) -> usize {
    tensor.numel() * tensor.kind().elt_size_in_bytes()
}

fn milliseconds(limit: Duration) -> i64 {
    i64::try_from(limit.as_millis()).unwrap_or(i64::MAX).max(1)
}
