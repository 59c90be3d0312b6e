//! Backward passes that fail: each is an error of `f_backward` that names the operation.

use lzn_torch::TorchError;
use tch::{Kind, Tensor};

use crate::common::{Gradients, broken, leaf, sum, values};

/// The message of a backward pass through an operation on `[2, 3]` float64.
fn message(backward: impl Fn(&[Option<Tensor>], &[bool]) -> Gradients + Send + 'static) -> String {
    let x = leaf(0, &[2, 3]);
    let loss = sum(&broken(&x, backward).exp());
    let error = loss.f_backward().unwrap_err().to_string();
    assert!(!x.grad().defined(), "a failure leaves no gradient behind");
    assert!(error.contains("broken: "), "{error}");
    error
}

#[test]
fn an_error_comes_out_with_its_words() {
    let error = message(|_, _| {
        Err(TorchError::Shape { operation: "inner", argument: "x", expected: "[B]".into(), got: vec![7] })
    });
    assert!(error.ends_with("broken: the backward pass failed: inner: `x` has shape [7], expected [B]"), "{error}");
    let error = message(|cotangents, _| Ok(vec![Some(cotangents[0].as_ref().unwrap().f_view([7])?)]));
    assert!(error.contains("libtorch: ") && error.contains("invalid for input of size 6"), "{error}");
}

#[test]
fn a_panic_comes_out_as_an_error() {
    assert!(message(|_, _| panic!("a plain text")).contains("panicked: a plain text"));
    assert!(message(|needed, _| panic!("with a number {}", needed.len())).contains("panicked: with a number 1"));
    assert!(message(|_, _| std::panic::panic_any(5_i32)).contains("panicked"));
    // tch panics on misuse.
    let error = message(|cotangents, _| Ok(vec![Some(cotangents[0].as_ref().unwrap().view([7]))]));
    assert!(error.contains("panicked: ") && error.contains("invalid for input of size 6"), "{error}");
}

#[test]
fn gradients_that_do_not_fit_their_inputs_are_refused() {
    let error = message(|_, _| Ok(vec![]));
    assert!(error.contains("returned 0 gradients for 1 inputs"), "{error}");
    let error = message(|cotangents, _| Ok(vec![cotangents[0].as_ref().map(Tensor::shallow_clone), None]));
    assert!(error.contains("returned 2 gradients for 1 inputs"), "{error}");
    // libtorch alone would sum this one over its rows, and cast the next, without a word.
    let error = message(|_, _| Ok(vec![Some(Tensor::ones([4, 2, 3], (Kind::Double, tch::Device::Cpu)))]));
    assert!(error.contains("the gradient of input 0 is Double [4, 2, 3] on Cpu"), "{error}");
    assert!(error.contains("the input is Double [2, 3] on Cpu"), "{error}");
    let error = message(|cotangents, _| Ok(vec![Some(cotangents[0].as_ref().unwrap().to_kind(Kind::Float))]));
    assert!(error.contains("is Float [2, 3]"), "{error}");
}

#[test]
fn after_a_failure_the_graph_and_the_thread_still_work() {
    let x = leaf(0, &[2]);
    let failed = std::sync::atomic::AtomicBool::new(false);
    let y = broken(&x, move |cotangents, _| {
        if !failed.swap(true, std::sync::atomic::Ordering::SeqCst) {
            // Leaves grad mode on, since tch restores it only after a closure that returns.
            tch::with_grad(|| panic!("once"));
        }
        Ok(vec![cotangents[0].as_ref().map(|cotangent| cotangent * 2.0)])
    });
    let loss = sum(&y);
    assert!(Tensor::f_run_backward(&[&loss], &[&x], true, false).is_err());
    let gradient = Tensor::run_backward(&[&loss], &[&x], true, false).remove(0);
    assert_eq!(values(&gradient), [2.0, 2.0]);
    assert!(!gradient.requires_grad());
}

#[test]
fn an_undefined_gradient_counts_as_none() {
    let x = leaf(0, &[2]);
    sum(&(broken(&x, |_, _| Ok(vec![Some(Tensor::new())])) + &x)).backward();
    assert_eq!(values(&x.grad()), [1.0, 1.0]);
}
