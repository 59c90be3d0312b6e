//! Whoever wants to know when this process waits for others.

use std::any::Any;
use std::ffi::c_void;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::Group;
use super::ffi::RawWatch;

/// Ends when it is dropped.
pub(super) type Waiting = Box<dyn Any + Send>;

/// Told of every exchange when it begins; what it returns is dropped when the exchange is over.
#[derive(Default)]
pub(super) struct Watcher(OnceLock<Box<dyn Fn(&'static str) -> Waiting + Send + Sync>>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Watcher" } else { "Nobody" })
    }
}

impl Watcher {
    /// Watches from now on; the first to watch stays.
    pub(super) fn set(&self, watch: impl Fn(&'static str) -> Waiting + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(watch));
    }

    /// Says that an exchange begins.
    pub(super) fn begin(&self, operation: &'static str) -> Option<Waiting> {
        self.0.get().map(|watch| watch(operation))
    }
}

/// What the other side needs to say when a backward pass waits for the gradients of other processes.
pub(super) fn of_gradients(group: &Arc<Group>) -> RawWatch {
    RawWatch { data: Arc::into_raw(Arc::clone(group)).cast_mut().cast(), begin, end, release }
}

/// # Safety
/// `group` is the data of [`of_gradients`], and not released.
unsafe extern "C" fn begin(group: *const c_void) -> *mut c_void {
    // SAFETY: as the caller promises, it points to a live group.
    let group = unsafe { &*group.cast::<Group>() };
    Box::into_raw(Box::new(group.watcher().begin("average of gradients"))).cast()
}

/// # Safety
/// `waiting` comes from `begin`, and is used no more.
unsafe extern "C" fn end(waiting: *mut c_void) {
    // SAFETY: as the caller promises, it is a box of this type that nobody else has.
    drop(unsafe { Box::from_raw(waiting.cast::<Option<Waiting>>()) });
}

/// # Safety
/// `group` is the data of [`of_gradients`], and used no more.
unsafe extern "C" fn release(group: *mut c_void) {
    // SAFETY: as the caller promises, it is a count of the group that was given away and is taken back once.
    drop(unsafe { Arc::from_raw(group.cast::<Group>().cast_const()) });
}
