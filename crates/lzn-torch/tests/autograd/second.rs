//! Second derivatives: refused wherever they would be needed, allowed wherever they would not.

use lzn_torch::autograd::records;
use tch::Tensor;

use crate::common::{Drops, assert_close, broken, leaf, sine, sum};

const REFUSAL: &str = "sine: second derivatives are not supported";

/// The gradient of `loss` with respect to `x`, with a graph.
fn gradient(loss: &Tensor, x: &Tensor) -> Tensor {
    Tensor::run_backward(&[loss], &[x], true, true).remove(0)
}

#[test]
fn a_second_backward_pass_is_refused() {
    let x = leaf(0, &[3]);
    // Neither the loss nor the incoming gradient depends on `x` here, only the state does.
    let gradient = gradient(&sum(&sine(&x, &Drops::default())), &x);
    assert_close(&gradient, &x.cos());
    let error = sum(&gradient).f_backward().unwrap_err().to_string();
    assert!(error.contains(REFUSAL), "{error}");
}

#[test]
fn a_second_derivative_is_refused_when_only_some_leaves_are_asked_for() {
    let (x, w) = (leaf(0, &[3]), leaf(1, &[3]));
    let loss = sum(&(sine(&(&x * 2.0), &Drops::default()) * &w));
    let gradient = gradient(&loss, &x);
    // Towards `x` through the state, towards `w` through the incoming gradient.
    for leaf in [&x, &w] {
        // The other path alone would give a number, and a wrong one.
        let mixed = sum(&(&gradient * leaf));
        let error = Tensor::f_run_backward(&[mixed], &[leaf], true, false).unwrap_err().to_string();
        assert!(error.contains(REFUSAL), "{error}");
    }
}

#[test]
fn a_penalty_on_the_gradient_norm_is_refused() {
    let x = leaf(0, &[3]);
    let loss = sum(&sine(&x, &Drops::default()));
    let penalty = sum(&gradient(&loss, &x).square());
    let error = (loss + penalty).f_backward().unwrap_err().to_string();
    assert!(error.contains(REFUSAL), "{error}");
}

#[test]
fn what_does_not_depend_on_a_second_derivative_is_allowed() {
    let (x, other) = (leaf(0, &[3]), leaf(1, &[3]));
    let gradient = gradient(&sum(&sine(&x, &Drops::default())), &x);
    let product = sum(&(&gradient * &other));
    let of_other = Tensor::run_backward(&[product], &[&other], false, false).remove(0);
    assert_close(&of_other, &x.cos());
}

#[test]
fn a_backward_pass_does_not_record_even_when_a_graph_is_asked_for() {
    let (x, w) = (leaf(0, &[3]), leaf(1, &[3]));
    let y = broken(&x, |cotangents, _| {
        let cotangent = cotangents[0].as_ref().unwrap();
        let other = Tensor::ones_like(cotangent).set_requires_grad(true);
        assert!(!records(&[&other]));
        assert!(!cotangent.requires_grad(), "the incoming gradient depends on `w`, but comes without its graph");
        Ok(vec![Some(cotangent * &other)])
    });
    assert_close(&gradient(&sum(&(y * &w)), &x), &w);
}
