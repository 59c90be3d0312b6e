//! The border to `shim.cpp`: what crosses it, and who owns it. No exception crosses; texts are copied before a call returns.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;

use torch_sys::C_tensor;

use super::FailureKind;

/// A group on the other side.
#[repr(C)]
pub(super) struct RawGroup {
    _opaque: [u8; 0],
}

/// A `c10d::Reducer`.
#[repr(C)]
pub(super) struct RawReducer {
    _opaque: [u8; 0],
}

/// Whom to tell that a backward pass waits for other processes. As in `shim.cpp`.
#[repr(C)]
pub(super) struct RawWatch {
    pub(super) data: *mut c_void,
    /// Called with `data` when it begins to wait.
    pub(super) begin: unsafe extern "C" fn(*const c_void) -> *mut c_void,
    /// Called with what `begin` returned when it waits no more, possibly on another thread.
    pub(super) end: unsafe extern "C" fn(*mut c_void),
    /// Called with `data` once, when `begin` is not called any more.
    pub(super) release: unsafe extern "C" fn(*mut c_void),
}

/// Hands kind and text of a failure over; the receiver copies them into its `sink`.
pub(super) type Report = unsafe extern "C" fn(sink: *mut c_void, kind: c_int, text: *const c_char, length: usize);

// Of all functions: tensors are borrowed for the length of the call and live; a function that returns a `bool` or a pointer has
// called `report` once with `sink` where it returns false or null, and does not throw.
unsafe extern "C" {
    /// Joins a group, which the caller owns. `host` and `address`, which may be null, end with a zero byte; `limit` is in milliseconds.
    pub(super) fn lzn_dist_open(
        host: *const c_char,
        port: u16,
        is_server: bool,
        rank: c_int,
        size: c_int,
        limit: i64,
        address: *const c_char,
        nccl: bool,
        sink: *mut c_void,
        report: Report,
    ) -> *mut RawGroup;

    /// Frees a group; its last use.
    pub(super) fn lzn_dist_close(group: *mut RawGroup);

    pub(super) fn lzn_dist_all_reduce(
        group: *mut RawGroup,
        tensor: *const C_tensor,
        reduction: c_int,
        limit: i64,
        sink: *mut c_void,
        report: Report,
    ) -> bool;

    pub(super) fn lzn_dist_broadcast(
        group: *mut RawGroup,
        tensor: *const C_tensor,
        root: c_int,
        sink: *mut c_void,
        report: Report,
    ) -> bool;

    pub(super) fn lzn_dist_all_gather(
        group: *mut RawGroup,
        output: *const C_tensor,
        input: *const C_tensor,
        sink: *mut c_void,
        report: Report,
    ) -> bool;

    pub(super) fn lzn_dist_reduce_scatter(
        group: *mut RawGroup,
        output: *const C_tensor,
        input: *const C_tensor,
        reduction: c_int,
        sink: *mut c_void,
        report: Report,
    ) -> bool;

    pub(super) fn lzn_dist_barrier(group: *mut RawGroup, limit: i64, sink: *mut c_void, report: Report) -> bool;

    pub(super) fn lzn_dist_monitored_barrier(
        group: *mut RawGroup,
        limit: i64,
        sink: *mut c_void,
        report: Report,
    ) -> bool;

    /// Leaves a name, which ends with a zero byte, in the store of the group. As [`lzn_dist_signed`] it may be called while another thread is
    /// in a call.
    pub(super) fn lzn_dist_sign(group: *mut RawGroup, name: *const c_char, sink: *mut c_void, report: Report) -> bool;

    /// Says in `there` whether the name is in the store.
    pub(super) fn lzn_dist_signed(
        group: *mut RawGroup,
        name: *const c_char,
        there: *mut bool,
        sink: *mut c_void,
        report: Report,
    ) -> bool;

    /// A reducer of `count` leaves that require gradients, which the caller owns; it keeps the tensors and the group alive.
    pub(super) fn lzn_dist_reducer(
        group: *mut RawGroup,
        parameters: *const *const C_tensor,
        count: usize,
        first_bucket: usize,
        bucket: usize,
        sink: *mut c_void,
        report: Report,
    ) -> *mut RawReducer;

    /// Takes the data of `watch` over, also where it fails.
    pub(super) fn lzn_dist_reducer_prepare(
        reducer: *mut RawReducer,
        loss: *const C_tensor,
        watch: RawWatch,
        sink: *mut c_void,
        report: Report,
    ) -> bool;

    /// Nanoseconds from the last `lzn_dist_reducer_prepare` until this process had all gradients of its own.
    pub(super) fn lzn_dist_reducer_ready(reducer: *const RawReducer) -> i64;

    /// Frees a reducer; its last use.
    pub(super) fn lzn_dist_reducer_free(reducer: *mut RawReducer);
}

/// What a call on the other side said when it failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    pub(super) message: String,
}

impl Failure {
    fn none() -> Self {
        Self { kind: FailureKind::Other, message: String::new() }
    }
}

/// Makes a call that says whether it succeeded.
pub(super) fn attempt(call: impl FnOnce(*mut c_void, Report) -> bool) -> Result<(), Failure> {
    let mut failure = Failure::none();
    if call((&raw mut failure).cast(), keep_failure) { Ok(()) } else { Err(failure) }
}

/// Makes a call that returns something new or null.
pub(super) fn create<T>(call: impl FnOnce(*mut c_void, Report) -> *mut T) -> Result<NonNull<T>, Failure> {
    let mut failure = Failure::none();
    NonNull::new(call((&raw mut failure).cast(), keep_failure)).ok_or(failure)
}

/// Receives a failure of the other side.
///
/// # Safety
/// `sink` points to a `Failure` that nobody else uses during the call, `text` to `length` readable bytes.
unsafe extern "C" fn keep_failure(sink: *mut c_void, kind: c_int, text: *const c_char, length: usize) {
    // SAFETY: as the caller promises.
    let (failure, bytes) =
        unsafe { (&mut *sink.cast::<Failure>(), std::slice::from_raw_parts(text.cast::<u8>(), length)) };
    let text = String::from_utf8_lossy(bytes);
    // Further lines are traces of the stack.
    let message = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given").to_owned();
    *failure = Failure { kind: FailureKind::of(kind, &message), message };
}

/// The address of a text that may be absent.
pub(super) fn pointer(text: Option<&CStr>) -> *const c_char {
    text.map_or(std::ptr::null(), CStr::as_ptr)
}
