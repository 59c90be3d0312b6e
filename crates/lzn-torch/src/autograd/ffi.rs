//! The border to `shim.cpp`: what crosses it, who owns it, and why that is sound.
//!
//! Two rules hold throughout. Nothing unwinds across: the shim catches every exception, the callbacks here every panic. And a
//! pointer that owns something has exactly one owner, stated below; all others are borrowed for the length of one call.

use std::any::Any;
use std::ffi::{c_char, c_void};
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tch::Tensor;
use torch_sys::C_tensor;

use super::node::Node;

/// Hands `length` bytes of text over; the receiver copies them into its `sink`.
pub(super) type Report = unsafe extern "C" fn(sink: *mut c_void, text: *const c_char, length: usize);

/// See [`run_backward`].
type Backward = unsafe extern "C" fn(
    state: *mut c_void,
    cotangents: *const *mut C_tensor,
    cotangent_count: usize,
    needed: *const u8,
    gradients: *mut *mut C_tensor,
    gradient_count: usize,
    sink: *mut c_void,
    report: Report,
) -> bool;

/// See [`release`].
type Release = unsafe extern "C" fn(state: *mut c_void);

unsafe extern "C" {
    /// Whether grad mode is on in this thread and one of the borrowed tensors requires a gradient. Does not throw.
    fn lzn_autograd_records(inputs: *const *const C_tensor, count: usize) -> bool;

    /// Puts one node between `inputs` and `outputs`, both borrowed, by assigning new tensors to the objects behind `outputs`;
    /// when nothing is to be recorded or on failure, these stay as they are. Owns `state` from the call on, whatever happens,
    /// passes it to `backward` one call at a time, from any thread, and in the end once to `release`. Returns whether it
    /// succeeded; if not, it has called `report`.
    fn lzn_autograd_attach(
        operation: *const c_char,
        operation_length: usize,
        inputs: *const *const C_tensor,
        input_count: usize,
        outputs: *const *mut C_tensor,
        output_count: usize,
        state: *mut c_void,
        backward: Backward,
        release: Release,
        sink: *mut c_void,
        report: Report,
    ) -> bool;
}

fn pointers(inputs: &[&Tensor]) -> Vec<*const C_tensor> {
    inputs.iter().map(|input| input.as_ptr()).collect()
}

/// Whether libtorch would record an operation on these inputs.
pub(super) fn records(inputs: &[&Tensor]) -> bool {
    let inputs = pointers(inputs);
    // SAFETY: each pointer is that of a live tensor which `inputs` borrows until after the call; the shim only reads, and
    // reads no more than `len` of them.
    unsafe { lzn_autograd_records(inputs.as_ptr(), inputs.len()) }
}

/// Attaches `node` between tensors that are defined; on failure returns the shim's message.
pub(super) fn attach(inputs: &[&Tensor], outputs: &mut [Tensor], node: Node) -> Result<(), String> {
    let operation = node.operation();
    let inputs = pointers(inputs);
    let outputs: Vec<*mut C_tensor> = outputs.iter_mut().map(Tensor::as_mut_ptr).collect();
    let state = Box::into_raw(Box::new(node)).cast::<c_void>();
    let mut message = String::new();
    // SAFETY: the tensors are live and borrowed until after the call, the outputs exclusively; all lengths are those of the
    // slices before them. `state` comes from `Box::into_raw` of a `Node`, which is what both callbacks take it for; the shim owns
    // it from here. `Node` is `Send`, so that the shim may use and release it on another thread; the shim's lock keeps calls
    // apart, so that it need not be `Sync`. `sink` is a `String` that outlives the call, which is what `keep_text` expects.
    let attached = unsafe {
        lzn_autograd_attach(
            operation.as_ptr().cast(),
            operation.len(),
            inputs.as_ptr(),
            inputs.len(),
            outputs.as_ptr(),
            outputs.len(),
            state,
            run_backward,
            release,
            (&raw mut message).cast(),
            keep_text,
        )
    };
    if attached { Ok(()) } else { Err(message) }
}

/// Receives a text of the shim into a `String`.
///
/// # Safety
/// `sink` points to a `String` that nobody else uses during the call, `text` to `length` readable bytes.
pub(super) unsafe extern "C" fn keep_text(sink: *mut c_void, text: *const c_char, length: usize) {
    // SAFETY: as the caller promises.
    let (message, bytes) =
        unsafe { (&mut *sink.cast::<String>(), std::slice::from_raw_parts(text.cast::<u8>(), length)) };
    // Replaces what is not UTF-8 and does not panic.
    *message = String::from_utf8_lossy(bytes).into_owned();
}

/// Runs a node's backward pass for the engine.
///
/// # Safety
/// `state` is a `Node` that is neither changed nor freed, nor used by another thread, during the call. `cotangents` are `cotangent_count` pointers to
/// tensors on the heap, or null, and are owned by this function. `needed` and `gradients` have `gradient_count` elements;
/// on success the latter receive tensors on the heap that the caller owns. `report` may be called once with `sink`.
unsafe extern "C" fn run_backward(
    state: *mut c_void,
    cotangents: *const *mut C_tensor,
    cotangent_count: usize,
    needed: *const u8,
    gradients: *mut *mut C_tensor,
    gradient_count: usize,
    sink: *mut c_void,
    report: Report,
) -> bool {
    // SAFETY: `state` came from a `Box<Node>` in `attach`, and the caller promises that it is not changed meanwhile.
    let node = unsafe { &*state.cast::<Node>() };
    // Everything that runs code of others, including their `Display` and `Drop`, is inside. After a panic nothing of it is
    // looked at again but the state, whose own invariants are its author's; the documentation of the trait says so.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller promises the lengths. The slices are not used after the call.
        let (cotangents, needed) = unsafe { (slice(cotangents, cotangent_count), slice(needed, gradient_count)) };
        // SAFETY: ownership of each non-null pointer passes to exactly one `Tensor`, which frees it as it frees its own: both
        // are `at::Tensor` made by `new`.
        let own = |pointer: &*mut C_tensor| (!pointer.is_null()).then(|| unsafe { Tensor::from_ptr(*pointer) });
        let cotangents: Vec<Option<Tensor>> = cotangents.iter().map(own).collect();
        let needed: Vec<bool> = needed.iter().map(|flag| *flag != 0).collect();
        node.backward(&cotangents, &needed).map_err(|error| error.to_string())
    }));
    let message = match outcome {
        Ok(Ok(tensors)) => {
            // `Node::backward` returns as many as were asked for; `zip` keeps this sound even if it did not.
            for (index, tensor) in (0..gradient_count).zip(tensors) {
                let tensor = tensor.map_or(std::ptr::null_mut(), |tensor| ManuallyDrop::new(tensor).as_mut_ptr());
                // SAFETY: `index` is below `gradient_count`. The pointer is not freed here, since its `Tensor` is not dropped;
                // it passes to the caller.
                unsafe { gradients.add(index).write(tensor) };
            }
            return true;
        }
        Ok(Err(message)) => message,
        Err(payload) => format!("{}: {}", node.operation(), panic_message(payload)),
    };
    // SAFETY: the caller promises that `report` takes a text for `sink`; it copies the bytes before it returns.
    unsafe { report(sink, message.as_ptr().cast(), message.len()) };
    false
}

/// A slice that may be empty, for which C++ passes a null pointer.
///
/// # Safety
/// Unless `length` is 0, `data` points to that many elements, which nobody changes for `'a`.
unsafe fn slice<'a, T>(data: *const T, length: usize) -> &'a [T] {
    // SAFETY: as the caller promises.
    if length == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, length) } }
}

/// Frees a node.
///
/// # Safety
/// `state` came from `attach`, and this is its last use.
unsafe extern "C" fn release(state: *mut c_void) {
    // SAFETY: `attach` made it with `Box::into_raw` from a `Box<Node>`, and the caller gives it up.
    let node = unsafe { Box::from_raw(state.cast::<Node>()) };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(node))) {
        // The panic has been reported by its hook. There is no one to return an error to, and dropping the payload could
        // panic again.
        mem::forget(payload);
    }
}

/// What a panic said.
fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    if let Some(text) = text {
        return format!("the backward pass panicked: {text}");
    }
    // Of a type of its own, whose destructor could panic.
    mem::forget(payload);
    "the backward pass panicked".to_owned()
}
