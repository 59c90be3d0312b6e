//! When the state is freed, and what may be run how often.

use std::sync::{Arc, Mutex};

use lzn_torch::autograd::{Differentiable, Saved, attach};
use tch::Tensor;

use crate::common::{Drops, Gradients, assert_close, leaf, sine, state, sum, values};

#[test]
fn the_state_goes_with_the_backward_pass() {
    let (x, drops) = (leaf(0, &[3]), Drops::default());
    let y = sine(&x, &drops);
    let loss = sum(&y);
    assert_eq!(drops.count(), 0);
    loss.backward();
    assert_eq!(drops.count(), 1, "the graph is spent, though its tensors are still there");
    drop((y, loss));
    assert_eq!(drops.count(), 1);
}

#[test]
fn the_state_goes_with_the_last_tensor_of_a_graph_that_is_never_run() {
    let (x, drops) = (leaf(0, &[3]), Drops::default());
    let y = sine(&x, &drops);
    let loss = sum(&y);
    drop(y);
    assert_eq!(drops.count(), 0);
    drop(loss);
    assert_eq!(drops.count(), 1);
}

#[test]
fn nothing_is_kept_where_nothing_is_recorded() {
    let (x, drops) = (leaf(0, &[3]), Drops::default());
    assert!(!sine(&x.detach(), &drops).requires_grad());
    assert_eq!(drops.count(), 1, "no input requires a gradient");
    assert!(!tch::no_grad(|| sine(&x, &drops)).requires_grad());
    assert_eq!(drops.count(), 2, "grad mode is off");
    attach("none", &[&x], vec![], state(&drops, |_, _| Ok(vec![]))).unwrap();
    assert_eq!(drops.count(), 3, "no output keeps the node");
}

#[test]
fn a_state_that_holds_its_own_outputs_is_freed() {
    let (x, drops) = (leaf(0, &[3]), Drops::default());
    let y = tch::no_grad(|| x.exp());
    let saved = y.shallow_clone();
    let backward =
        move |cotangents: &[Option<Tensor>], _: &[bool]| Ok(vec![Some(cotangents[0].as_ref().unwrap() * &saved)]);
    let y = attach("exp", &[&x], vec![y], state(&drops, backward)).unwrap();
    drop(y);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_graph_that_is_kept_can_be_run_again_and_a_spent_one_cannot() {
    let (x, drops) = (leaf(0, &[3]), Drops::default());
    let loss = sum(&sine(&x, &drops));
    let first = Tensor::run_backward(&[&loss], &[&x], true, false).remove(0);
    let second = Tensor::run_backward(&[&loss], &[&x], true, false).remove(0);
    assert_close(&first, &x.cos());
    assert_close(&second, &x.cos());
    assert_eq!(drops.count(), 0);
    loss.backward();
    assert_eq!(drops.count(), 1);
    let error = loss.f_backward().unwrap_err().to_string();
    assert!(error.contains("backward through the graph a second time"), "{error}");
}

#[test]
fn a_long_chain_is_freed_without_deep_recursion() {
    let (x, drops) = (leaf(0, &[1]), Drops::default());
    let mut y = x.shallow_clone();
    for _ in 0..20_000 {
        y = sine(&y, &drops);
    }
    drop(y);
    assert_eq!(drops.count(), 20_000);
}

#[test]
fn a_tensor_that_changes_before_the_backward_pass_is_noticed() {
    struct Square(Saved);
    impl Differentiable for Square {
        fn backward(&self, cotangents: &[Option<Tensor>], _: &[bool]) -> Gradients {
            let x = self.0.get()?;
            Ok(vec![cotangents[0].as_ref().map(|cotangent| cotangent * x * 2.0)])
        }
    }
    let mut x = leaf(0, &[3]);
    let square = |x: &Tensor| {
        let y = tch::no_grad(|| x.square());
        attach("square", &[x], vec![y], Box::new(Square(Saved::new("x", x).unwrap()))).unwrap().remove(0)
    };
    let loss = sum(&square(&x));
    loss.backward();
    assert_close(&x.grad(), &(&x * 2.0));
    let loss = sum(&square(&x));
    let _ = tch::no_grad(|| x.g_add_scalar_(1.0));
    let error = loss.f_backward().unwrap_err().to_string();
    assert!(error.contains("square: ") && error.contains("`x` was changed in place"), "{error}");
}

#[test]
fn a_backward_pass_that_frees_its_own_graph_still_has_its_state() {
    let (x, drops) = (leaf(0, &[3]), Drops::default());
    let slope = tch::no_grad(|| x.cos());
    let own: Arc<Mutex<Option<Tensor>>> = Arc::default();
    let backward = {
        let (own, drops) = (Arc::clone(&own), drops.clone());
        move |cotangents: &[Option<Tensor>], _: &[bool]| {
            let output = own.lock().unwrap().take();
            if let Some(output) = output {
                // Without keeping the graph: libtorch releases what this very node saved.
                output.f_backward()?;
                assert_eq!(drops.count(), 0);
            }
            Ok(vec![Some(cotangents[0].as_ref().unwrap() * &slope)])
        }
    };
    let y = tch::no_grad(|| x.sin());
    let y = attach("itself", &[&x], vec![y], state(&drops, backward)).unwrap().remove(0);
    *own.lock().unwrap() = Some(sum(&y));
    sum(&y).backward();
    assert_close(&x.grad(), &(x.cos() * 2.0));
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_state_that_panics_when_dropped_harms_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("this message is part of the test");
        }
    }
    impl Differentiable for Bomb {
        fn backward(&self, cotangents: &[Option<Tensor>], _: &[bool]) -> Gradients {
            Ok(vec![cotangents[0].as_ref().map(Tensor::shallow_clone)])
        }
    }
    let x = leaf(0, &[2]);
    let y = tch::no_grad(|| x.copy());
    let y = attach("bomb", &[&x], vec![y], Box::new(Bomb)).unwrap().remove(0);
    sum(&y).backward();
    assert_eq!(values(&x.grad()), [1.0, 1.0]);
}
