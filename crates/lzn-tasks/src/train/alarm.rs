//! A wish to stop that reaches one of several workers reaches all of them, whatever each is doing.

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use lzn_torch::TorchError;
use lzn_torch::dist::{Group, World};

use crate::TaskError;
use crate::run::{RunError, StopFlag};

/// Time between two looks, of a request to the store of the workers each.
const PAUSE: Duration = Duration::from_millis(500);

/// Longest that the end of an alarm waits for an answer of the store: never, if the process hangs that holds it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A thread that passes the wish on, for as long as this value lives. Work that all workers do together still has to agree on giving it
/// up: the wish reaches one after the other.
pub(super) struct Alarm(Option<Running>);

struct Running {
    /// Dropped, it ends the thread.
    end: Sender<()>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

/// The sign by which the workers of a run know that one was asked to stop: another one each time, since the store may be older than the run. All
/// workers make the same call.
///
/// # Errors
/// [`TaskError::Torch`] when the exchange fails.
pub(super) fn agree_on_sign(world: &World) -> Result<CString, TaskError> {
    let own = format!("stop {} {:?}", std::process::id(), std::time::SystemTime::now());
    let name = world.bytes_of_first(own.as_bytes()).map_err(TorchError::from)?;
    Ok(CString::new(name).unwrap_or_default())
}

impl Alarm {
    /// Starts to pass on what `stop` says, and what the flags of the other workers say; does nothing in a process of its own.
    ///
    /// # Errors
    /// [`TaskError::Run`] if the system gives no thread.
    pub(super) fn new(world: &World, sign: &CStr, stop: &StopFlag) -> Result<Self, TaskError> {
        let Some(group) = world.group() else { return Ok(Self(None)) };
        let ((end, wanted), (gone, ended)) = (mpsc::channel(), mpsc::channel::<()>());
        let (group, name, stop) = (Arc::clone(group), sign.to_owned(), stop.clone());
        let look = move || {
            while wanted.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) && !pass_on(&group, &name, &stop) {}
            // Whoever waits for this may be about to end the process, or to close the group.
            drop(group);
            drop(gone);
        };
        let thread = thread::Builder::new().name("alarm".to_owned()).spawn(look);
        thread.map_err(|source| RunError::Signal { source })?;
        Ok(Self(Some(Running { end, ended })))
    }
}

/// Whether there is nothing more to do.
fn pass_on(group: &Group, name: &CStr, stop: &StopFlag) -> bool {
    if stop.requested() {
        // Of a store that is gone, as its process is, the others know by themselves.
        let _ = group.sign(name);
        return true;
    }
    match group.is_signed(name) {
        Ok(signed) => {
            if signed {
                stop.request();
            }
            signed
        }
        Err(_) => true,
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(Running { end, ended }) = self.0.take() {
            drop(end);
            // Nothing is ever sent: this returns when the thread has ended, or gives up.
            let _ = ended.recv_timeout(PATIENCE);
        }
    }
}
